-- Replies that are lost, late or broken, from the client down to the socket.
local dynamodb = require "dynamodb"
local process = require "spec.support.process"
local server = require "spec.support.server"

local KEY = { pk = "a" }

local peer, db

after_each(function()
  db:close()
  peer:stop()
end)

-- A client of a server that answers the first request of a connection and then does as told.
local function connect(steps, options)
  local script = { { "read" }, { "send", server.response "{}" }, { "read" } }
  for _, step in ipairs(steps) do script[#script + 1] = step end
  peer = server.start { script }
  local all = {
    endpoint = ("http://%s:%d"):format(peer.host, peer.port), region = "us-east-1",
    access_key_id = "AK", secret_access_key = "SK",
  }
  for name, value in pairs(options or {}) do all[name] = value end
  db = dynamodb.connect(all)
  assert(db:call("ListTables")) -- the connection is in the pool from here
  return db:table("t", { partition = "pk" })
end

local function count(operation)
  local n = 0
  for _, request in ipairs(peer:requests()) do
    if request.head:find("X-Amz-Target: DynamoDB_20120810." .. operation .. "\r\n", 1, true) then n = n + 1 end
  end
  return n
end

describe("a server that takes a request and closes without an answer", function()
  it("sees a write that must not be doubled once, and the caller hears that it is ambiguous", function()
    local items = connect { { "close" } }
    for _, write in ipairs {
      function() return items:update(KEY, { add = { n = 1 } }) end,
      function() return db:call("UpdateItem", { TableName = "t", Key = KEY, UpdateExpression = "REMOVE a" }) end,
    } do
      local before = count "UpdateItem"
      local ok, err = write()
      assert.is_nil(ok)
      assert.same({ "ConnectionError", true, true }, { err.code, err.sent, err.ambiguous })
      assert.equal(before + 1, count "UpdateItem")
      assert(db:call("ListTables")) -- another pooled connection for the next one
    end
  end)

  it("gets a read again, on a new connection", function()
    local items = connect { { "close" } }
    local item, err = items:get(KEY)
    assert.is_nil(item)
    assert.is_nil(err)
    assert.equal(2, count "GetItem")
  end)

  it("gets an ADD again if the caller wants it so", function()
    local items = connect({ { "close" } }, { retry_ambiguous = true })
    assert.is_true((items:update(KEY, { add = { n = 1 } })))
    assert.equal(2, count "UpdateItem")
  end)
end)

describe("a server that stalls", function()
  it("is given up in time", function()
    local items = connect { { "stall" } }
    local started = process.now()
    local ok, err = items:update(KEY, { add = { n = 1 } }, { timeout = 0.3 })
    local took = process.now() - started
    assert.is_nil(ok)
    assert.is_true(err.code == "Timeout" or err.code == "DeadlineExceeded", err.code)
    assert.is_true(err.sent and err.ambiguous)
    assert.is_true(took >= 0.25 and took < 4, took .. " s") -- the idle time is 5 s
  end)

  it("is given up after the idle time", function()
    local items = connect({ { "stall" } }, { idle_timeout = 1, retry = { max_attempts = 1 } })
    local started = process.now()
    local ok, err = items:get(KEY)
    assert.is_nil(ok)
    assert.same({ "Timeout", false }, { err.code, err.ambiguous })
    assert.is_true(process.now() - started < 4.5) -- without the option it is 5 s
  end)
end)

describe("a server whose answer is cut off", function()
  it("gives a failure, never half an item", function()
    local whole = '{"Item":{"pk":{"S":"a"},"n":{"N":"12"}}}'
    local cut = server.response(whole:sub(1, 30), { framing = "Content-Length: " .. #whole })
    local items = connect({ { "send", cut }, { "close" } }, { retry = { max_attempts = 1 } })
    local item, err = items:get(KEY)
    assert.is_nil(item)
    assert.is_true(err.sent)
    assert.is_true(err.code == "ResponseError" or err.code == "ConnectionError", err.code)
  end)
end)

describe("an attempt that is lost", function()
  it("is made up for by the next one, where twice is the same", function()
    local items = connect({ { "stall" } }, { idle_timeout = 1, retry = { random = 0 } })
    local ok, err, meta = items:put { pk = "a" }
    assert.is_nil(err)
    assert.same({ true, 2, 2 }, { ok, meta.attempts, count "PutItem" })
  end)
end)
