"""A phone's web server, on demand, so that scrapers can be tried (REFERENCE 4.4)."""
