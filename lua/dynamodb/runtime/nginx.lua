--- The runtime of nginx's Lua: cosockets move the bytes, and while an answer is waited for the worker serves others.
--- Nothing of a request is kept beyond it but connections, which rest in nginx's own pool.
local clock = require "dynamodb.nginx.clock"
local connections = require "dynamodb.nginx.connections"
local core = require "dynamodb.core"
local errand = require "dynamodb.nginx.errand"
local errors = require "dynamodb.error"
local phase = require "dynamodb.nginx.phase"
local proxy = require "dynamodb.runtime.proxy"
local tasks = require "dynamodb.nginx.tasks"
local usage = require "dynamodb.usage"

local now, time = clock.now, clock.time

local PIECE = 64 * 1024 -- bytes: what a body has at most to be sent with its head, and what is read at a time
local MOST_READERS = 64 -- that are kept for later

-- The wall clock jumps when a frozen machine goes on; drift and corrections are far slower.
local JUMP = 2

-- nginx ends a request only when its tasks have ended: a page fetched ahead that nobody takes would be waited for.
local runtime_methods = { prefetch = false, whole = PIECE }
local NO_PROXY = "HTTPS_PROXY and HTTP_PROXY cannot be honoured in nginx, which has no way through one: unset them, or "
  .. "make NO_PROXY name %s"

local runtime_mt = { __name = "dynamodb.runtime.nginx", __index = runtime_methods }

local function failure(code, message, sent)
  return nil, errors.new { code = code, message = message, sent = sent }
end

local function timed_out(by_deadline)
  if by_deadline then return failure("DeadlineExceeded", "the deadline has passed", true) end
  return failure("Timeout", "no byte moved within idle_timeout", true)
end

--- Connections from before a jump between the two clocks are dead at the other end: they are not used again.
local function watch_clocks(self, monotonic)
  local offset = time() - monotonic
  if math.abs(offset - self.offset) > JUMP then self.connections:retire() end
  self.offset = offset
end

--- Sets the socket's patience for what comes next, if the deadline is nearer than its idle_timeout.
---@return boolean by_deadline
local function set_patience(self, sock, deadline)
  local seconds, by_deadline = clock.patience(deadline, self.idle_timeout)
  if by_deadline then
    local wait = clock.milliseconds(seconds)
    sock:settimeouts(wait, wait, wait)
  end
  return by_deadline
end

--- Sends a body that is large. As long as bytes move the socket is patient: only the deadline ends an upload whose peer
--- reads ever more slowly.
---@param by_deadline boolean    is it the deadline that the socket's patience ends with?
---@return any sent
---@return string? problem
---@return boolean? by_deadline
local function upload(sock, body, deadline, by_deadline)
  if not deadline then return sock:send(body) end
  local in_time, ok, problem = tasks.within(deadline - now(), function() return sock:send(body) end)
  if in_time then return ok, problem, by_deadline end
  return nil, "timeout", true
end

--- Sends all of a request.
---@return true?
---@return dynamodb.Error?
---@return boolean? dead    the connection broke
local function transmit(self, sock, head, body, deadline)
  local by_deadline = set_patience(self, sock, deadline)
  local ok, problem = sock:send(head)
  if ok and #body > PIECE then ok, problem, by_deadline = upload(sock, body, deadline, by_deadline) end
  if ok then return true end
  if problem == "timeout" then return timed_out(by_deadline) end
  local _, err = failure("ConnectionError", "the connection broke while the request was sent: " .. problem, true)
  return nil, err, true
end

--- The connection has ended before the response has: it may be one that ends so.
---@return integer? status
---@return string head    or what is wrong
---@return string? body
local function finish(reader, problem)
  local status, head, body = reader:finish()
  if status and problem ~= "closed" then return nil, "the connection broke: " .. problem end
  return status, head, body
end

local function keep_reader(self, reader)
  if #self.readers < MOST_READERS then self.readers[#self.readers + 1] = reader end
end

--- Reads the response.
---@param begun boolean    have bytes of it come?
---@return dynamodb.Response?
---@return dynamodb.Error|boolean|nil    of a response: may the connection be used again?
---@return boolean? dead                 the connection broke before a byte of it had come
local function receive(self, sock, reader, no_body, deadline, begun)
  local by_deadline = set_patience(self, sock, deadline)
  local status, head, body, keep
  local bytes, problem = sock:receiveany(PIECE)
  if bytes then
    status, head, body, keep = reader:feed(bytes, no_body)
    -- No loop: mostly it would be left at once, and LuaJIT compiles nothing around such a one.
    if not head then return receive(self, sock, reader, no_body, deadline, true) end
  elseif problem == "timeout" then
    return timed_out(by_deadline) -- the reader, in the middle of something, is left
  elseif not begun then
    keep_reader(self, reader)
    local _, err = failure("ConnectionError", "the connection broke before an answer came: " .. problem, true)
    return nil, err, true
  else
    status, head, body = finish(reader, problem)
  end
  keep_reader(self, reader)
  if not status then return failure("ResponseError", head, true) end
  return { status = status, head = head, body = body }, keep
end

local function take_reader(self) return table.remove(self.readers) or core.http(self.max_response) end

--- What a peer has answered that would not read all of a body: a refusal needs no more of it.
---@return dynamodb.Response?
local function refusal(self, sock)
  local response = receive(self, sock, take_reader(self), false, now(), false) -- what is there, waiting for no more
  return response and response.status >= 400 and response or nil
end

--- One request over one connection, which rests or is closed afterwards.
---@return dynamodb.Response?
---@return dynamodb.Error?
---@return boolean? dead
local function exchange(self, sock, head, body, no_body, deadline, may_rest)
  local ok, err, dead = transmit(self, sock, head, body, deadline)
  local response, keep
  if ok then
    response, keep, dead = receive(self, sock, take_reader(self), no_body, deadline, false)
    if not response then err = keep end
  elseif #body > PIECE then
    response = refusal(self, sock)
    if response then err, dead = nil, nil end
  end
  if response and keep and may_rest then
    connections.rest(sock)
  else
    sock:close()
  end
  return response, err, dead
end

--- Sends one request and waits for its answer. Raises in a phase in which that is impossible.
---@param request dynamodb.Request
---@param deadline number?    on the clock of `now()`; bounds all of it, name resolution included
---@return dynamodb.Response?
---@return dynamodb.Error?    `Timeout`, `ConnectionError`, `CertificateError`, `ConfigurationError`,
---                           `DeadlineExceeded` or `ResponseError`; `sent` tells whether the request may have arrived
function runtime_methods:send(request, deadline)
  if self.closed then usage.raise("the runtime is closed") end
  phase.check()
  local begun = now()
  watch_clocks(self, begun)
  local peer = self.connections:peer(request, begun)
  local method, body, head = request.method or "POST", request.body or "", request.head
  if not request.is_whole then
    local wrong
    head, wrong = core.http_request(method, request.path or "/", head or "", body, #body <= PIECE)
    if not head then usage.raise(wrong) end
  end
  if deadline and begun >= deadline then
    return failure("DeadlineExceeded", "the deadline passed before the request began", false)
  end
  if self.proxies and not request.is_direct and proxy.choose(self.proxies, peer.scheme, request.host, peer.port) then
    return failure("ConfigurationError", NO_PROXY:format(request.host), false)
  end
  local no_body = method == "HEAD"
  local sock, reused = self.connections:take(peer, deadline)
  if not sock then return nil, reused end
  local response, err, dead = exchange(self, sock, head, body, no_body, deadline, true)
  -- A connection that has rested may have ended meanwhile. Whether the request was read before that is not known.
  if not (dead and reused and request.repeat_safe) then return response, err end
  sock, err = self.connections:fresh(peer, deadline)
  if not sock then
    err.sent = true -- the first time
    return nil, err
  end
  response, err = exchange(self, sock, head, body, no_body, deadline, false)
  return response, err
end

--- Waits; the worker goes on with others.
---@param seconds number    0 gives the others a turn
function runtime_methods.sleep(_, seconds)
  phase.check()
  tasks.sleep(seconds > 0 and seconds or 0)
end

--- Starts a task, a light thread: `f` runs at once, until it waits for the first time, and goes on while others wait.
--- It belongs to the request in which it began, and ends with it.
---@param f function
---@param ... any    its arguments
---@return dynamodb.Task
function runtime_methods.spawn(_, f, ...) return tasks.spawn(f, ...) end

--- Waits until a task has ended.
---@param task dynamodb.Task
---@return boolean ok
---@return any ...    what it returned; or what it raised, and the traceback of that
function runtime_methods.join(_, task) return tasks.join(task) end

--- Waits until the first of several tasks has ended.
---@param list dynamodb.Task[]
function runtime_methods.join_any(_, list) tasks.join_any(list) end

--- Ends a task that nobody wants to wait for any more, and its request. For tasks that this one has started itself, and
--- to who has not started it, nothing changes.
---@param task dynamodb.Task
function runtime_methods.cancel(_, task) tasks.cancel(task) end

--- Begins something that goes on when the request has ended in which it began.
---@param f function
---@return dynamodb.nginx.Errand?    nil: that is impossible at this moment
function runtime_methods.apart(_, f) return errand.begin(f) end

--- A lock between all tasks of the worker.
---@return dynamodb.nginx.Lock
function runtime_methods.lock() return tasks.lock() end

--- Seconds on a clock that only goes forward.
---@return number
function runtime_methods.now() return now() end

--- Seconds since 1970, with their fraction.
---@return number
function runtime_methods.time() return time() end

--- The runtime cannot be used afterwards. Connections that rest are the worker's: they end by themselves.
function runtime_methods:close() self.closed = true end

local nginx = {}

--- A runtime in nginx. It can be made in every phase.
---@param options table?    connect_timeout = 3.1, idle_timeout = 5 (seconds); verify = true; max_response = 32 MB;
---                         ca_bundle and proxies, which requests that need them refuse
---@return dynamodb.Runtime
function nginx.new(options)
  options = options or {}
  local self = {
    idle_timeout = options.idle_timeout or 5,
    max_response = options.max_response or 32 * 2 ^ 20,
    proxies = options.proxies,
    readers = {},
    offset = time() - now(),
  }
  self.connections = connections.new {
    connect_timeout = options.connect_timeout or 3.1,
    idle_timeout = self.idle_timeout,
    verify = options.verify ~= false,
    ca_bundle = options.ca_bundle,
  }
  return setmetatable(self, runtime_mt)
end

return nginx
