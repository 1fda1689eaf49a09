--- What every transport refuses to send, and what none takes for a response.
local cases = {}

--- Fields of a request, each wrong in one way; by what is wrong.
cases.refused = {
  ["a bare LF in a header"] = { head = "Host: h\r\nX: a\nEvil: b\r\n" },
  ["a bare CR in a header"] = { head = "Host: h\r\nX: a\rEvil: b\r\n" },
  ["a NUL in a header"] = { head = "Host: h\r\nX: a\0b\r\n" },
  ["the end of the head within it"] = { head = "Host: h\r\n\r\nGET / HTTP/1.1\r\n" },
  ["a folded line"] = { head = "Host: h\r\n folded\r\n" },
  ["a line without a colon"] = { head = "Host: h\r\nnonsense\r\n" },
  ["a space before the colon"] = { head = "Host : h\r\n" },
  ["a head that does not end"] = { head = "Host: h" },
  ["two Hosts"] = { head = "Host: h\r\nhost: i\r\n" },
  ["a Content-Length that lies"] = { head = "Host: h\r\nContent-Length: 3\r\n" },
  ["two Content-Lengths"] = { head = "Host: h\r\nContent-Length: 2\r\nContent-Length: 2\r\n" },
  ["a Transfer-Encoding"] = { head = "Host: h\r\nTransfer-Encoding: chunked\r\n" },
  ["an Expect"] = { head = "Host: h\r\nExpect: 100-continue\r\n" },
  ["a path with a line end"] = { path = "/ HTTP/1.1\r\nEvil: x" },
  ["a path with a space"] = { path = "/a b" },
  ["a path that does not begin with a slash"] = { path = "@evil/" },
  ["a host with a slash"] = { host = "evil/" },
  ["a host with credentials"] = { host = "a@evil" },
  ["an empty host"] = { host = "" },
  ["another scheme"] = { scheme = "file" },
  ["a method with a space"] = { method = "GET /" },
  ["a port out of range"] = { port = 65536 },
  ["a HEAD with a body"] = { method = "HEAD" },
}

--- Bytes that a server sends before it closes, by what they are: each is a ResponseError.
cases.garbled = {
  ["that is not HTTP"] = "SSH-2.0-OpenSSH_9.2\r\n",
  ["that is binary"] = "\22\3\1\0\1\0\0\0\0\0",
  ["of another major version"] = "HTTP/3.7 200 OK\r\nContent-Length: 0\r\n\r\n",
  ["with a status that is none"] = "HTTP/1.1 abc\r\n\r\n",
  ["cut within the head"] = "HTTP/1.1 200 OK\r\nContent-Le",
  ["cut after the status line"] = "HTTP/1.1 200 OK\r\n",
  ["shorter than it says"] = "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{\"Item\":",
  ["cut within a chunk"] = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n64\r\nabc",
  ["cut between chunks"] = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
  ["with a chunk size that is none"] = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nabc\r\n",
  ["that only has interim heads"] = "HTTP/1.1 100 Continue\r\n\r\n",
}

return cases
