"""The trust decision of a phone, and checks of a cluster's trust lists."""
