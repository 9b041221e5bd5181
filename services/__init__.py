"""The cluster's side: TFTP server, TVS daemon, certificates, administration."""
