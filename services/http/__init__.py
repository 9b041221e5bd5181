"""Files over HTTP 6970 and HTTPS 6971, as phones fetch them first (REFERENCE-3 1).

`server` is the face of the room: `HttpServer(source, settings)` with `bind` and
`serve`. It is a guest of the stream server (`guest`): requests are taken apart by
`protocol.http.stream`, files come from the source that TFTP has, `counters` counts.
"""
