"""The TFTP server: few sockets, a table of transfers, one task (REFERENCE 4.1).

`server` is the face of the room: `TftpServer(source, …)` with `bind` and `serve`.
`source` and `static_files` say what is served, `settings` how. `engine` is the loop
over the sockets, which `driver` turns inside trio; `table` decides which requests are
admitted, `requests` what becomes of a request, and `protocol.tftp.transfer` what is
sent.
"""
