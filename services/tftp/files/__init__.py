"""Files that a TFTP server sends, and the thread that reads or makes them."""
