"""The sources of an import: lists, exports, a running cluster."""
