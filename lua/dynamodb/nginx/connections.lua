--- Connections out of nginx's pool of cosockets, and new ones: names, TCP, TLS. What must not be shared between two
--- requests is in the pool's name.
local clock = require "dynamodb.nginx.clock"
local errors = require "dynamodb.error"
local ffi = require "ffi"
local tasks = require "dynamodb.nginx.tasks"
local usage = require "dynamodb.usage"

local milliseconds, now, patience = clock.milliseconds, clock.now, clock.patience
local tcp = ngx.socket.tcp
local last_message = require("resty.core.base").get_errmsg_ptr()

local MAX_AGE = 600          -- seconds that a connection is used: names may lead elsewhere by then
local MAX_IDLE = 50          -- seconds that it rests; the service closes it after 60
local MAX_CONNECTIONS = 128  -- that rest, for each peer and worker

local connections_methods = {}
local connections_mt = { __name = "dynamodb.nginx.connections", __index = connections_methods }

---@class dynamodb.nginx.Peer
---@field host string           as this, `given_port` and `given_scheme` stood in the request
---@field scheme "http"|"https"
---@field address string        what nginx connects to
---@field port integer
---@field is_name boolean       has nginx to resolve it?
---@field server_name string?   for SNI and for the check of the certificate
---@field key string            all of this, and whether certificates are verified
---@field options table         of connect: the pool, and its size
---@field expires number        when it is time for another pool
---@field generation integer    of the pool
---@field session cdata?        of TLS, to resume

---@param options table
---@return table
local function new(options)
  return setmetatable({
    connect_timeout = options.connect_timeout,
    idle = milliseconds(options.idle_timeout),
    verify = options.verify,
    ca_bundle = options.ca_bundle,
    peers = {},
    generation = 0,
  }, connections_mt)
end

local function failure(code, message)
  return nil, errors.new { code = code, message = message, sent = false }
end

local function is_address(host)
  return host:find("^%[") ~= nil or host:find("^%d+%.%d+%.%d+%.%d+$") ~= nil
end

---@param request dynamodb.Request
---@return dynamodb.nginx.Peer
local function new_peer(self, request, key)
  local scheme, host, port = request.scheme or "https", request.host, request.port
  if scheme ~= "http" and scheme ~= "https" then usage.raise("request.scheme: neither http nor https") end
  if type(host) ~= "string" or not host:find("^[%w._:%[%]-]+$") or #host > 255 then
    usage.raise("request.host: not a host name or address")
  end
  port = port or (scheme == "http" and 80 or 443)
  if type(port) ~= "number" or port < 1 or port > 65535 or port % 1 ~= 0 then
    usage.raise("request.port: not between 1 and 65535")
  end
  if host:find(":", 1, true) and not host:find("^%[") then host = "[" .. host .. "]" end
  local by_address = is_address(host)
  local peer = {
    host = request.host, given_port = request.port, given_scheme = request.scheme,
    scheme = scheme,
    -- nginx reads no hosts file. Source: RFC 6761, "localhost." is the loopback address.
    address = host == "localhost" and "127.0.0.1" or host,
    port = port,
    is_name = not by_address and host ~= "localhost",
    server_name = not by_address and host or nil,
    key = table.concat({ "dynamodb", scheme, host, port, self.verify and "verified" or "unverified" }, "|"),
    expires = 0,
  }
  self.peers[key] = peer
  return peer
end

--- From time to time connections get another pool's name, under which none is found that is older.
local function renew(self, peer, monotonic)
  -- Workers do so at different times: a whole fleet need not connect anew at once.
  local shift = ngx.worker.pid() % MAX_AGE
  local epoch = math.floor((monotonic + shift) / MAX_AGE)
  peer.expires = (epoch + 1) * MAX_AGE - shift
  peer.generation = self.generation
  peer.options = {
    pool = ("%s|%d.%d"):format(peer.key, epoch, peer.generation),
    pool_size = MAX_CONNECTIONS,
  }
end

--- Who a request is for.
---@param request dynamodb.Request
---@param monotonic number    what its clock says
---@return dynamodb.nginx.Peer
function connections_methods:peer(request, monotonic)
  local host, port, scheme = request.host, request.port, request.scheme
  local peer = self.last -- mostly it is the one of before
  if not peer or peer.host ~= host or peer.given_port ~= port or peer.given_scheme ~= scheme then
    local key = ("%s|%s|%s"):format(scheme, host, port)
    peer = self.peers[key] or new_peer(self, request, key)
    self.last = peer
  end
  if peer.generation ~= self.generation or monotonic >= peer.expires then
    renew(self, peer, monotonic)
  end
  return peer
end

--- Connections that rest now are not used any more.
function connections_methods:retire() self.generation = self.generation + 1 end

local function timed_out(by_deadline)
  if by_deadline then return failure("DeadlineExceeded", "the deadline has passed") end
  return failure("Timeout", "no connection within connect_timeout")
end

local NO_RESOLVER = "%s; nginx resolves names by itself: add \"resolver ADDRESS;\" with the address of a name server "
  .. "to the http block of nginx.conf"

local function connect_failure(peer, problem)
  if problem:find("^no resolver defined") then return failure("ConfigurationError", NO_RESOLVER:format(problem)) end
  return failure("ConnectionError", ("cannot connect to %s:%d: %s"):format(peer.address, peer.port, problem))
end

--- Opens the TCP connection.
local function connect(sock, peer, seconds, options)
  ngx.update_time() -- a timer begins when nginx last looked at the clock
  if not peer.is_name then return sock:connect(peer.address, peer.port, options) end
  -- A name server that does not answer would be waited for as long as nginx's resolver_timeout says.
  local in_time, ok, problem = tasks.within(seconds, function()
    return sock:connect(peer.address, peer.port, options)
  end)
  if not in_time then return nil, "timeout" end
  return ok, problem
end

local TRUST = "; in nginx, authorities are those of lua_ssl_trusted_certificate (none by default) up to "
  .. "lua_ssl_verify_depth (1): set, for example, \"lua_ssl_trusted_certificate /etc/ssl/certs/ca-certificates.crt; "
  .. "lua_ssl_verify_depth 5;\" in the http block of nginx.conf"

-- What OpenSSL says of a certificate whose authority is not known.
local UNTRUSTED = { "issuer", "first certificate", "self.signed", "chain too long" }

-- What sslhandshake says for other reasons than the certificate.
local NOT_THE_CERTIFICATE = { ["handshake failed"] = true, closed = true, ["connection reset by peer"] = true }

local function handshake_failure(peer, problem)
  if NOT_THE_CERTIFICATE[problem] then
    return failure("ConnectionError", ("TLS with %s:%d: %s"):format(peer.address, peer.port, problem))
  elseif problem == "certificate host mismatch" then
    return failure("CertificateError", ("the certificate is for another name than %s"):format(peer.server_name))
  end
  for _, pattern in ipairs(UNTRUSTED) do
    if problem:find(pattern) then return failure("CertificateError", problem .. TRUST) end
  end
  return failure("CertificateError", problem)
end

--- What nginx cannot do for TLS, before a connection is made.
local function tls_problem(self, peer)
  if self.ca_bundle then
    return "ConfigurationError", "ca_bundle (or AWS_CA_BUNDLE) cannot be honoured in nginx, whose authorities are those"
      .. " of nginx.conf: leave it out and set lua_ssl_trusted_certificate to that file"
  end
  if self.verify and not peer.server_name then
    return "CertificateError", "nginx can check a certificate for a name only, not for the address " .. peer.address
  end
end

--- A handshake that ends at once, as between neighbours, and fails makes lua-resty-core 0.1.25 raise, or even report
--- success to who passes `false` for the session: hence never `false`, and what was wrong is read where it left it.
---@return cdata? session
---@return string? problem
local function shake_hands(sock, ...)
  local ok, session, problem = pcall(sock.sslhandshake, sock, ...)
  if ok and not problem then return session end
  if not ok then
    if last_message[0] == nil then error(session, 0) end
    problem = ffi.string(last_message[0])
  end
  return nil, (problem:gsub("^%d+: ", "")) -- that number may be an older failure's
end

local function handshake(self, sock, peer, by_deadline)
  local session, problem = shake_hands(sock, peer.session, peer.server_name, self.verify)
  if not problem then
    peer.session = session
    return true
  end
  peer.session = nil
  if problem == "timeout" then return timed_out(by_deadline) end
  return handshake_failure(peer, problem)
end

--- A new connection, ready for a request.
---@param peer dynamodb.nginx.Peer
---@param deadline number?
---@param options table    of the pool that it may rest in
---@return table? sock
---@return dynamodb.Error?
local function open(self, peer, deadline, options)
  local is_tls = peer.scheme == "https"
  if is_tls then
    local code, message = tls_problem(self, peer)
    if code then return failure(code, message) end
  end
  local seconds, by_deadline = patience(deadline, self.connect_timeout)
  local stop, idle = now() + seconds, self.idle
  local sock = tcp()
  sock:settimeouts(milliseconds(seconds), idle, idle)
  local ok, problem = connect(sock, peer, seconds, options)
  if not ok then
    if problem == "timeout" then return timed_out(by_deadline) end
    return connect_failure(peer, problem)
  end
  if not is_tls then return sock end
  local err
  sock:settimeouts(milliseconds(stop - now()), idle, idle)
  ok, err = handshake(self, sock, peer, by_deadline)
  if ok then return sock end
  sock:close()
  return nil, err
end

--- A connection for a request, with `idle_timeout` for sending and for receiving.
---@param peer dynamodb.nginx.Peer
---@param deadline number?
---@return table? sock             a cosocket
---@return boolean|dynamodb.Error   is it one that has rested?
function connections_methods:take(peer, deadline)
  local sock = tcp()
  local idle = self.idle
  sock:settimeouts(idle, idle, idle)
  -- Without a host, connect gives a connection of the pool or fails at once: nothing is resolved or waited for.
  if sock:connect("", peer.port, peer.options) then return sock, true end
  local err
  sock, err = open(self, peer, deadline, peer.options)
  if sock then return sock, false end
  return nil, err
end

--- A connection that nobody has used before and that will not be used again.
---@param peer dynamodb.nginx.Peer
---@param deadline number?
---@return table? sock
---@return dynamodb.Error?
function connections_methods:fresh(peer, deadline)
  return open(self, peer, deadline, { pool = peer.options.pool .. "|once" })
end

--- Lets a connection rest until somebody takes it.
---@param sock table
local function rest(sock)
  if not sock:setkeepalive(MAX_IDLE * 1000) then sock:close() end
end

return { new = new, rest = rest }
