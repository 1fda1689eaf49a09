--- Requests for transport specs, and the plain way to have one answered by a pool of `dynamodb.curl`.
local http = {}

--- A POST to `peer` (a server of ours); `fields` replace what it has.
---@param peer table     with `host` and `port`
---@param fields table?
function http.request(peer, fields)
  local request = {
    method = "POST", scheme = "http", host = peer.host, port = peer.port, path = "/", body = "{}", repeat_safe = true,
  }
  for name, value in pairs(fields or {}) do request[name] = value end
  request.head = request.head
    or ("Host: %s:%d\r\nContent-Length: %d\r\n"):format(request.host, request.port, #request.body)
  return request
end

--- Steps the pool until the transfer has a result.
---@return table? response, string? code, string? message, boolean? sent
function http.finish(pool, transfer)
  local response, code, message, sent = transfer:result()
  while not response and not code do
    pool:step(1)
    response, code, message, sent = transfer:result()
  end
  return response, code, message, sent
end

--- Sends a request and waits for its result.
---@return table? response, string? code, string? message, boolean? sent
function http.send(pool, request, deadline) return http.finish(pool, pool:start(request, deadline)) end

return http
