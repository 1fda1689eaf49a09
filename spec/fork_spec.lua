-- What must be unique is unique over forked processes, too: nothing is drawn from a state that a fork would copy.
local core = require "dynamodb.core"
local fake_client = require "spec.support.fake_client"
local process = require "spec.support.process"

local CHILDREN, CALLS = 8, 20
local THROTTLED = { status = 400, body = '{"__type":"x#ThrottlingException","message":"slow down"}' }
local LEFT_OVER = '{"UnprocessedItems":{"t":[{"PutRequest":{"Item":{"pk":{"S":"a"}}}}]}}'

describe("Tokens, invocation ids, nonces and jitter", function()
  it("differ in all children of a fork, and from the parent's", function()
    local db, runtime = fake_client.new(nil, { retry = { max_attempts = 2 } })
    local times = 0
    runtime.handler = function(request)
      times = times + 1
      if times % 2 == 0 then return { status = 200, body = "{}" } end -- each call is repeated once
      if request.head:find "BatchWriteItem" then return { status = 200, body = LEFT_OVER } end
      return THROTTLED
    end
    local t = db:table("t", { partition = "pk" })

    -- Each as a line: what it is, and its value.
    local function draw()
      local lines, first = {}, #runtime.requests + 1
      for _ = 1, CALLS do
        runtime.slept = {}
        assert(db:transact(function(tx) tx:put(t, { pk = "a" }) end))
        assert(t:update({ pk = "a" }, { add = { n = 1 } }, { idempotent = true }))
        assert(t:put_all({ { pk = "a" } }, { concurrency = 1 })) -- its wait in one piece
        for _, seconds in ipairs(runtime.slept) do lines[#lines + 1] = ("jitter %.17g"):format(seconds) end
        lines[#lines + 1] = "uuid " .. core.uuid()
        lines[#lines + 1] = "random " .. core.base64(core.random(12))
      end
      local ids = {}
      for i = first, #runtime.requests do
        local request = runtime.requests[i]
        local id, token = request.head:match "[Ii]nvocation%-[Ii]d: (%S+)", request.body:match 'Token":"([^"]+)'
        if not ids[id] then -- an attempt more of the same call has the same ones
          ids[id] = token or true
          lines[#lines + 1] = "invocation " .. id
          if token then lines[#lines + 1] = "token " .. token end
        else
          assert.equal(token or true, ids[id])
        end
      end
      return lines
    end

    local own = draw() -- before the fork: whatever is made at the first use is there to be copied
    local children = {}
    for i = 1, CHILDREN do children[i] = process.fork(function() return table.concat(draw(), "\n") end) end
    local seen, counts = {}, { jitter = 0, uuid = 0, random = 0, invocation = 0, token = 0 }
    local function collect(line)
      assert.is_nil(seen[line], line)
      seen[line] = true
      local kind = line:match "^%a+"
      counts[kind] = counts[kind] + 1
    end
    for _, line in ipairs(own) do collect(line) end
    for _, line in ipairs(draw()) do collect(line) end -- the parent's after the fork
    for _, child in ipairs(children) do
      assert.equal(0, child:wait(60), child:output())
      for line in child:output():gmatch "[^\n]+" do collect(line) end
    end
    local all = (CHILDREN + 2) * CALLS
    -- Three waits for three repetitions, two calls with a token; a batch's second request is another call.
    assert.same({ jitter = 3 * all, uuid = all, random = all, invocation = 4 * all, token = 2 * all }, counts)
  end)
end)
