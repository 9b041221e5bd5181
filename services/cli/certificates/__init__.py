"""The commands `cert`, `token` and `ctl-client`."""
