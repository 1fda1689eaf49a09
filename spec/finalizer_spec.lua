--- Finalizers run in the middle of other calls, at any allocation: what they do with the core must not show there.
local core = require "dynamodb.core"
local finalizer = require "spec.support.finalizer"

local SCALE = tonumber(os.getenv "SCALE") or 1

local function new_signer()
  return core.signer { access_key_id = "a", secret_access_key = "b", region = "r", service = "s",
                       session_token = ("token"):rep(50) }
end

describe("a finalizer that uses the core", function()
  local pause, multiplier

  before_each(function()
    -- A generational collector waits for the heap to grow by a part of what the specs before this one left, and so does
    -- an incremental one for the pause that was set when it last was through: hence the collection after that.
    pcall(collectgarbage, "incremental") -- 5.4 has it
    pause, multiplier = collectgarbage("setpause", 0), collectgarbage("setstepmul", 1000)
    collectgarbage()
  end)

  after_each(function()
    collectgarbage("setpause", pause)
    collectgarbage("setstepmul", multiplier)
    collectgarbage()
  end)

  --- Runs `call` often while finalizers run `intrude`; its results must stay as they are without any.
  local function undisturbed(call, intrude)
    local expected, ran, living, stop = call(), 0, 0, false
    local function again()
      living = living + 1
      finalizer(function()
        ran, living = ran + 1, living - 1
        intrude()
        if not stop then again() end
      end)
    end
    for _ = 1, 200000 do -- the heap's size decides how often the collector comes by
      if ran > 50 * SCALE then break end
      if living < 20 then again() end
      local got = call()
      if got ~= expected then stop = true; assert.are.equal(expected, got) end
    end
    stop = true
    assert.is_true(ran > 0)
  end

  local item = { pk = "a\n", n = { 1, 2.5, core.number "12345678901234567890123" }, b = core.binary(("\0"):rep(100)),
                 s = setmetatable({ "x", "y" }, core.set_mt), m = { deep = { deeper = { "\1\2" } } } }
  local list = {}
  for i = 1, 200 do list[i] = ("%d\\"):format(i) end

  local function intrude()
    assert(core.unmarshal(core.marshal { other = list, n = core.number "1e-100" }))
    assert(not core.unmarshal '{"a":{"S":"\\n')
    assert(not pcall(core.marshal, { f = print }))
    core.base64(("x"):rep(5000))
  end

  it("does not disturb marshal and unmarshal", function()
    undisturbed(function() return core.marshal { item = item.m, s = item.s, b = item.b, n = item.n } end, intrude)
    local text = core.marshal { pk = "a\n", escaped = list }
    undisturbed(function() return #assert(core.unmarshal(text)).escaped[200] end, intrude)
    undisturbed(function() return core.unmarshal_value(('{"S":"a\\n%s\\u263a"}'):format(("x"):rep(100))) end, intrude)
    local broken = ([[{"L":[{"S":"\n%s"},{"X":""}]}]]):format(("x"):rep(100))
    undisturbed(function() return select(2, core.unmarshal_value(broken)) end, intrude)
  end)

  it("does not disturb the signer that it uses itself", function()
    local s = new_signer()
    local small = { method = "GET", query = "a=b", headers = { { "Host", "x" } } }
    local large = { method = "GET", query = ("a=b&"):rep(2000), headers = { { "Host", "x" }, { "a", "1" } } }
    local function sign_another()
      s:sign(large, 86400)
      s:presign(large, 86400)
      s:head("host", "target", "", 0, "id", "attempt")
    end
    undisturbed(function()
      local headers, signature = s:sign(small, 0)
      return headers.Authorization .. headers["X-Amz-Date"] .. headers["X-Amz-Security-Token"] .. signature
    end, sign_another)
    undisturbed(function() return s:presign(small, 0) end, sign_another)
    undisturbed(function() return s:head("h", "t", "{}", 0, "id", "attempt=1", "agent", "A: b\r\n") end, sign_another)
  end)

  it("may close the signer that is signing", function()
    for _ = 1, 30 * SCALE do
      local s = new_signer()
      finalizer(function() s:close() end)
      for _ = 1, 20 do
        local ok, headers = pcall(s.sign, s, { method = "GET", headers = { { "Host", "x" } } }, 0)
        if not ok then break end
        assert.are.equal(250, #headers["X-Amz-Security-Token"])
        pcall(tostring, s)
      end
      s:close()
    end
  end)
end)

describe("a state that is being closed", function()
  it("lets finalizers of older objects use the core", function()
    if rawget(_G, "jit") then return pending "LuaJIT unloads native modules before it runs older finalizers" end
    local program = [[
      local core, signer
      local keys = { access_key_id = 'a', secret_access_key = 'b', region = 'r', service = 's' }
      older = setmetatable({}, { __gc = function()
        print(core.marshal { a = 1 }, (pcall(core.signer, keys)), (pcall(signer.sign, signer, {}, 0)), core.crc32 '')
      end })
      core = require 'dynamodb.core'
      signer = core.signer(keys)
    ]]
    local interpreter = _VERSION == "Lua 5.3" and "lua5.3" or "lua5.4"
    local pipe = io.popen(("LUA_CPATH='%s' %s -e \"%s\" 2>&1"):format(package.cpath, interpreter, program))
    local output = pipe:read "*a"
    pipe:close()
    assert.are.equal('{"a":{"N":"1"}}\tfalse\tfalse\t0\n', output)
  end)
end)
