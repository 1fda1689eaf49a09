--- The process of spec/support/fault_proxy.lua, which see:
---   lua5.4 spec/support/fault_proxy_process.lua HOST PORT PORT_FILE
--- Each client's connection is a coroutine with a connection of its own to the engine behind.
local socket = require "socket"

local engine = { host = arg[1], port = tonumber(arg[2]) }

local settings, counts, seen -- what `configure` sets, what happened, how often each request came
local applied = {}           -- the tokens of transactions that the engine has done

local function reset(given)
  settings = { seed = 1, faults = {}, delay = { 0.001, 0.02 }, only = nil, next = {} }
  for name, value in pairs(given) do settings[name] = value end
  counts, seen = {}, {}
end
reset {}

local function count(what, by) counts[what] = (counts[what] or 0) + (by or 1) end

-- ------------------------------------------------------------------------------------------------- checksums ----

local crc_table = {}
for i = 0, 255 do
  local c = i
  for _ = 1, 8 do c = c & 1 == 1 and 0xEDB88320 ~ c >> 1 or c >> 1 end
  crc_table[i] = c
end

local function crc32(bytes)
  local c = 0xFFFFFFFF
  for at = 1, #bytes, 4096 do
    local part = { bytes:byte(at, at + 4095) }
    for i = 1, #part do c = crc_table[(c ~ part[i]) & 0xFF] ~ c >> 8 end
  end
  return c ~ 0xFFFFFFFF
end

--- A source of numbers in [0, 1) that gives the same ones for the same text (splitmix64).
local function randomness(text)
  local state = crc32(text) << 32 | crc32(text:reverse() .. #text)
  return function()
    state = state + 0x9E3779B97F4A7C15
    local z = state
    z = (z ~ z >> 30) * 0xBF58476D1CE4E5B9
    z = (z ~ z >> 27) * 0x94D049BB133111EB
    return ((z ~ z >> 31) >> 11) * 2.0 ^ -53
  end
end

-- ------------------------------------------------------------------------------------------- JSON, as it stands ----

--- Where the value that begins at `at` ends; the text is an engine's or a client's, and valid.
local function skip_value(text, at)
  at = text:find("%S", at)
  local depth = 0
  while true do
    local char = text:sub(at, at)
    if char == '"' then
      repeat
        at = text:find('["\\]', at + 1)
        local escaped = text:byte(at) == 92
        if escaped then at = at + 1 end
      until not escaped
    elseif char == "{" or char == "[" then
      depth = depth + 1
    elseif char == "}" or char == "]" then
      depth = depth - 1
    else
      at = text:find("[%s,%]}]", at) or #text + 1
      at = at - 1
    end
    if depth == 0 then return at end
    at = text:find("[^%s,:]", at + 1)
  end
end

--- The members of the object that `text` is: { { name =, value = raw JSON }, … }; or of the list: { raw JSON, … }.
local function members(text)
  local list, at = {}, text:find("%S")
  local is_object = text:sub(at, at) == "{"
  at = text:find("[^%s,]", at + 1)
  while not text:find("^[%]}]", at) do
    local name
    if is_object then
      local stop = skip_value(text, at)
      name = text:sub(at + 1, stop - 1)
      at = text:find("[^%s:]", stop + 1)
    end
    local stop = skip_value(text, at)
    local value = text:sub(at, stop)
    list[#list + 1] = is_object and { name = name, value = value } or value
    at = text:find("[^%s,]", stop + 1)
  end
  return list
end

local function object(list)
  local parts = {}
  for i, member in ipairs(list) do parts[i] = ('"%s":%s'):format(member.name, member.value) end
  return "{" .. table.concat(parts, ",") .. "}"
end

local function get(list, name)
  for _, member in ipairs(list) do
    if member.name == name then return member.value end
  end
end

local function set(list, name, value)
  for _, member in ipairs(list) do
    if member.name == name then
      member.value = value
      return
    end
  end
  list[#list + 1] = { name = name, value = value }
end

-- ---------------------------------------------------------------------------------------------------- sockets ----

-- A coroutine that waits stands here: { reading = socket?, writing = socket?, wake = time? }.
local waiting = {}

local function wait(what)
  waiting[coroutine.running()] = what
  coroutine.yield()
end

local function sleep(seconds) wait { wake = socket.gettime() + seconds } end

local Stream = {}
Stream.__index = Stream

local function new_stream(s)
  s:settimeout(0)
  s:setoption("tcp-nodelay", true)
  return setmetatable({ socket = s, chunks = {}, size = 0 }, Stream)
end

--- More bytes; false at the end.
function Stream:fill()
  while true do
    local bytes, err, partial = self.socket:receive(65536)
    bytes = bytes or partial
    if bytes and #bytes > 0 then
      self.chunks[#self.chunks + 1] = bytes
      self.size = self.size + #bytes
      return true
    end
    if err ~= "timeout" then return false end
    wait { reading = self.socket }
  end
end

function Stream:take(size)
  local all = table.concat(self.chunks)
  self.chunks = { all:sub(size + 1) }
  self.size = #all - size
  return all:sub(1, size)
end

function Stream:read(size)
  while self.size < size do
    if not self:fill() then return nil end
  end
  return self:take(size)
end

--- Up to and with `stop`.
function Stream:read_to(stop)
  while true do
    if #self.chunks > 1 then self.chunks = { table.concat(self.chunks) } end
    local _, at = (self.chunks[1] or ""):find(stop, 1, true)
    if at then return self:take(at) end
    if not self:fill() then return nil end
  end
end

function Stream:write(bytes)
  local at = 1
  while at <= #bytes do
    local last, err, partial = self.socket:send(bytes, at)
    at = (last or partial or at - 1) + 1
    if not last then
      if err ~= "timeout" then return false end
      wait { writing = self.socket }
    end
  end
  return true
end

local function header(head, name)
  return head:lower():match("\r\n" .. name:gsub("%-", "%%-") .. ":[ \t]*([^\r\n]*)")
end

--- Head and body of one message; nil at the end.
local function read_message(stream)
  local head = stream:read_to "\r\n\r\n"
  if not head then return nil end
  if header(head, "transfer-encoding") == "chunked" then
    local parts = {}
    while true do
      local line = stream:read_to "\r\n"
      local size = line and tonumber(line:match "^%x+", 16)
      local part = size and stream:read(size + 2)
      if not part then return nil end
      if size == 0 then return head, table.concat(parts) end
      parts[#parts + 1] = part:sub(1, size)
    end
  end
  local body = stream:read(tonumber(header(head, "content-length")) or 0)
  if body then return head, body end
end

-- ------------------------------------------------------------------------------------------------- the engine ----

--- Has the engine hung up while nobody was looking?
local function is_dead(stream)
  local bytes, err, partial = stream.socket:receive(1)
  return bytes ~= nil or partial ~= "" or err ~= "timeout"
end

--- Sends a request to the engine. Nothing is ever sent twice.
---@return string? head, string? body    of its reply
local function forward(client, head, body)
  local upstream = client.upstream
  if upstream and is_dead(upstream) then
    upstream.socket:close()
    upstream = nil
  end
  if not upstream then
    local s = socket.connect(engine.host, engine.port)
    if not s then
      client.upstream = nil
      count "unreachable"
      return nil
    end
    upstream = new_stream(s)
  end
  client.upstream = upstream
  head = head:gsub("\r\n[Cc]ontent%-[Ll]ength:[^\r\n]*", "\r\nContent-Length: " .. #body)
  count "forwarded"
  local reply_head, reply
  if upstream:write(head .. body) then reply_head, reply = read_message(upstream) end
  if not reply_head or header(reply_head, "connection") == "close" then
    upstream.socket:close()
    client.upstream = nil
  end
  if not reply_head then count "broken" end
  local token = reply_head and reply_head:find "^HTTP/1.1 2" and body:match '"ClientRequestToken":"([^"]*)"'
  if token then applied[token] = true end
  return reply_head, reply
end

local function respond(client, status, body, lines)
  local head = { ("HTTP/1.1 %d Whatever"):format(status), "Content-Type: application/x-amz-json-1.0",
    "x-amzn-RequestId: FAULTPROXY" .. (counts.requests or 0), "x-amz-crc32: " .. crc32(body),
    "Content-Length: " .. #body }
  for _, line in ipairs(lines or {}) do head[#head + 1] = line end
  return client:write(table.concat(head, "\r\n") .. "\r\n\r\n" .. body)
end

local function relay(client, head, body)
  if not head then return false end
  head = head:gsub("\r\n[Tt]ransfer%-[Ee]ncoding:[^\r\n]*", ""):gsub("\r\n[Cc]ontent%-[Ll]ength:[^\r\n]*", "")
  return client:write(head:sub(1, -3) .. "Content-Length: " .. #body .. "\r\n\r\n" .. body)
end

local function refuse(client, status, code, message)
  return respond(client, status, ('{"__type":"com.amazonaws.dynamodb.v20120810#%s","message":"%s"}')
    :format(code, message or "by the fault proxy"))
end

-- ----------------------------------------------------------------------------------------------------- faults ----

-- Each gets the client and the request { operation, head, body } and its randomness; what it returns says whether the
-- connection can go on. One that does not concern an operation is not in its list.
local faults = {}

local ANY = { "GetItem", "PutItem", "UpdateItem", "DeleteItem", "Query", "Scan", "BatchGetItem", "BatchWriteItem",
  "TransactGetItems", "TransactWriteItems", "ExecuteStatement", "BatchExecuteStatement", "ExecuteTransaction" }
local BATCHES = { "BatchGetItem", "BatchWriteItem" }
local TRANSACTIONS = { "TransactGetItems", "TransactWriteItems", "ExecuteTransaction" }

local function fault(name, operations, play)
  faults[name] = { operations = {}, play = play }
  for _, operation in ipairs(operations) do faults[name].operations[operation] = true end
end

local HANGING = 3600 -- seconds: longer than anybody waits

fault("drop_request", ANY, function() return false end)

fault("drop_reply", ANY, function(client, request)
  forward(client, request.head, request.body)
  return false
end)

fault("reset", ANY, function(client, request)
  forward(client, request.head, request.body)
  client.socket:setoption("linger", { on = true, timeout = 0 })
  return false
end)

fault("hang_request", ANY, function()
  sleep(HANGING)
  return false
end)

fault("hang_reply", ANY, function(client, request)
  forward(client, request.head, request.body)
  sleep(HANGING)
  return false
end)

fault("truncate", ANY, function(client, request, random)
  local head, body = forward(client, request.head, request.body)
  if not head then return false end
  local whole = head:gsub("\r\n[Tt]ransfer%-[Ee]ncoding:[^\r\n]*", ""):gsub("\r\n[Cc]ontent%-[Ll]ength:[^\r\n]*", "")
  whole = whole:sub(1, -3) .. "Content-Length: " .. #body .. "\r\n\r\n" .. body
  client:write(whole:sub(1, 1 + math.floor(random() * (#whole - 1))))
  return false
end)

fault("garble", ANY, function(client, request, random)
  local head, body = forward(client, request.head, request.body)
  if not head or body == "" then return relay(client, head, body) end
  local crc = crc32(body)
  local at = 1 + math.floor(random() * #body)
  body = body:sub(1, at - 1) .. string.char(body:byte(at) ~ 1) .. body:sub(at + 1)
  head = head:gsub("\r\n[Xx]%-[Aa]mz%-[Cc][Rr][Cc]32:[^\r\n]*", ""):sub(1, -3) .. "x-amz-crc32: " .. crc .. "\r\n\r\n"
  return relay(client, head, body)
end)

fault("throughput", ANY, function(client)
  return refuse(client, 400, "ProvisionedThroughputExceededException")
end)

fault("throttle", ANY, function(client) return refuse(client, 400, "ThrottlingException") end)

fault("error_500", ANY, function(client, request, random)
  if random() < 0.5 then
    count "error_500_applied"
    forward(client, request.head, request.body)
  end
  return refuse(client, 500, "InternalServerError")
end)

fault("error_503", ANY, function(client) return refuse(client, 503, "ServiceUnavailable") end)

fault("in_progress", { "TransactWriteItems", "ExecuteTransaction" }, function(client)
  return refuse(client, 400, "TransactionInProgressException")
end)

fault("conflict", TRANSACTIONS, function(client, request, random)
  local list = members(get(members(request.body), "TransactItems") or get(members(request.body), "TransactStatements"))
  local culprit, reasons, codes = 1 + math.floor(random() * #list), {}, {}
  for i = 1, #list do
    codes[i] = i == culprit and "TransactionConflict" or "None"
    reasons[i] = i == culprit and '{"Code":"TransactionConflict","Message":"Transaction is ongoing for the item"}'
      or '{"Code":"None"}'
  end
  local message = "Transaction cancelled, please refer cancellation reasons for specific reasons ["
    .. table.concat(codes, ", ") .. "]"
  return respond(client, 400, ('{"__type":"com.amazonaws.dynamodb.v20120810#TransactionCanceledException",'
    .. '"Message":"%s","CancellationReasons":[%s]}'):format(message, table.concat(reasons, ",")))
end)

fault("conflict_single", { "PutItem", "UpdateItem", "DeleteItem" }, function(client)
  return refuse(client, 400, "TransactionConflictException")
end)

--- Divides the list of a table's requests or keys.
local function divide(list, random)
  local kept, left = {}, {}
  for _, element in ipairs(list) do
    local to = random() < 0.5 and kept or left
    to[#to + 1] = element
  end
  return kept, left
end

local function list_of(elements) return "[" .. table.concat(elements, ",") .. "]" end

--- A part of a batch goes on; the rest comes back as unprocessed, with what the engine itself leaves.
fault("leftovers", BATCHES, function(client, request, random)
  local is_get = request.operation == "BatchGetItem"
  local all = members(request.body)
  local kept_tables, left_tables, kept_any, left_any = {}, {}, 0, 0
  for _, one in ipairs(members(get(all, "RequestItems"))) do
    local options = is_get and members(one.value)
    local kept, left = divide(members(is_get and get(options, "Keys") or one.value), random)
    kept_any, left_any = kept_any + #kept, left_any + #left
    for _, part in ipairs { { kept, kept_tables }, { left, left_tables } } do
      if #part[1] > 0 then
        local value = list_of(part[1])
        if is_get then
          set(options, "Keys", value)
          value = object(options)
        end
        table.insert(part[2], { name = one.name, value = value })
      end
    end
  end
  count("leftover_items", left_any)
  local unprocessed = is_get and "UnprocessedKeys" or "UnprocessedItems"
  if kept_any == 0 then
    return respond(client, 200, ('{%s"%s":%s}'):format(is_get and '"Responses":{},' or "", unprocessed,
      object(left_tables)))
  end
  set(all, "RequestItems", object(kept_tables))
  local head, body = forward(client, request.head, object(all))
  if not head then return false end
  if not head:find "^HTTP/1.1 2" then return relay(client, head, body) end
  local reply = members(body)
  local engine_left = get(reply, unprocessed)
  for _, one in ipairs(engine_left and members(engine_left) or {}) do
    count "engine_leftovers"
    -- The engine's own leftovers are of tables that we have kept a part of: joined, for one name stands once.
    local ours = get(left_tables, one.name)
    if not ours then
      table.insert(left_tables, one)
    elseif is_get then
      local options = members(ours)
      set(options, "Keys", get(options, "Keys"):sub(1, -2) .. "," .. get(members(one.value), "Keys"):sub(2))
      set(left_tables, one.name, object(options))
    else
      set(left_tables, one.name, ours:sub(1, -2) .. "," .. one.value:sub(2))
    end
  end
  set(reply, unprocessed, object(left_tables))
  body = object(reply)
  head = head:gsub("\r\n[Xx]%-[Aa]mz%-[Cc][Rr][Cc]32:[^\r\n]*", "")
  if random() < 0.5 then head = head:sub(1, -3) .. "x-amz-crc32: " .. crc32(body) .. "\r\n\r\n" end
  return relay(client, head, body)
end)

-- -------------------------------------------------------------------------------------------------- decisions ----

local function is_concerned(operation)
  if not settings.only then return faults.throttle.operations[operation] end
  for _, name in ipairs(settings.only) do
    if name == operation then return true end
  end
  return false
end

--- Which fault this request meets, if any, and its source of randomness. Both depend on the seed, on the request's
--- bytes (but for its token), and on how often they came before: not on the order in which connections bring them.
local function decide(request)
  local identity = request.operation .. request.body:gsub('"ClientRequestToken":"[^"]*"', "")
  seen[identity] = (seen[identity] or 0) + 1
  local random = randomness(("%s %d %s"):format(settings.seed, seen[identity], identity))
  if not is_concerned(request.operation) then return nil, random end
  local scripted = settings.next[1]
  if scripted and (not faults[scripted] or faults[scripted].operations[request.operation]) then
    table.remove(settings.next, 1)
    return faults[scripted] and scripted, random
  end
  local names = {}
  for name in pairs(settings.faults) do names[#names + 1] = name end
  table.sort(names)
  local drawn = random()
  for _, name in ipairs(names) do
    if faults[name] and faults[name].operations[request.operation] then
      drawn = drawn - settings.faults[name]
      if drawn < 0 then return name, random end
    end
  end
  return nil, random
end

local function delayed(request, random)
  if random() >= (settings.faults.delay or 0) or not is_concerned(request.operation) then return end
  count "delay"
  sleep(settings.delay[1] + random() * (settings.delay[2] - settings.delay[1]))
end

-- ---------------------------------------------------------------------------------------------------- control ----

local controls = {}

function controls.configure(text)
  local given = assert(load("return " .. text, "configure", "t", {}))()
  for name in pairs(given.faults or {}) do assert(faults[name] or name == "delay", "no fault is called " .. name) end
  reset(given)
end

function controls.next(text)
  for name in text:gmatch "%S+" do
    assert(faults[name] or name == "none", "no fault is called " .. name)
    table.insert(settings.next, name)
  end
end

function controls.counts() end

local function control(client, name, body)
  local ok, message = pcall(controls[name] or error, body)
  local lines = { ok and "" or tostring(message) }
  for what, times in pairs(counts) do lines[#lines + 1] = ("%s=%d"):format(what, times) end
  return respond(client, ok and 200 or 400, table.concat(lines, "\n"))
end

--- One request; may the connection go on?
local function serve_one(client)
  local head, body = read_message(client)
  if not head then return false end
  local name = head:match "^POST /__proxy/(%a+) "
  if name then return control(client, name, body) end
  local request = { head = head, body = body }
  request.operation = head:match "\r\n[Xx]%-[Aa]mz%-[Tt]arget:%s*[%w_]+%.(%w+)" or "?"
  count "requests"
  local chosen, random = decide(request)
  -- The service knows the token of what it has done, and repeats its answer.
  if chosen == "conflict" and applied[body:match '"ClientRequestToken":"([^"]*)"' or ""] then chosen = nil end
  delayed(request, random)
  if not chosen then return relay(client, forward(client, head, body)) end
  count(chosen)
  count "faults"
  return faults[chosen].play(client, request, random)
end

local function serve(client)
  while serve_one(client) do end
  client.socket:close()
  if client.upstream then client.upstream.socket:close() end
end

-- ------------------------------------------------------------------------------------------------------- loop ----

local function resume(thread, ...)
  local ok, err = coroutine.resume(thread, ...)
  if not ok then
    count "proxy_errors"
    io.stderr:write(debug.traceback(thread, err), "\n")
    io.stderr:flush()
  end
end

local function turn(listener)
  local readers, writers, earliest = { listener }, {}, nil
  for _, what in pairs(waiting) do
    if what.reading then readers[#readers + 1] = what.reading end
    if what.writing then writers[#writers + 1] = what.writing end
    if what.wake and (not earliest or what.wake < earliest) then earliest = what.wake end
  end
  local readable, writable = socket.select(readers, writers, earliest and math.max(0, earliest - socket.gettime()))
  local now, due = socket.gettime(), {}
  for thread, what in pairs(waiting) do
    if what.reading and readable[what.reading] or what.writing and writable[what.writing]
      or what.wake and what.wake <= now then
      due[#due + 1] = thread
    end
  end
  for _, thread in ipairs(due) do
    waiting[thread] = nil
    resume(thread)
  end
  if readable[listener] then
    local client = listener:accept()
    if client then resume(coroutine.create(serve), new_stream(client)) end
  end
end

local listener = assert(socket.bind("127.0.0.1", 0, 1024))
listener:settimeout(0)
local file = assert(io.open(arg[3] .. ".new", "wb"))
file:write((select(2, listener:getsockname())))
file:close()
os.rename(arg[3] .. ".new", arg[3])
while true do turn(listener) end
