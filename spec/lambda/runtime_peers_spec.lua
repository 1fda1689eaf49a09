-- The same functions under what others have made to run Lambda functions, and in every Lua.
local core = require "dynamodb.core"
local lambda_peers = require "spec.support.lambda_peers"
local process = require "spec.support.process"
local runtime_api = require "spec.support.runtime_api"

local APP = [[
local count = 0
return { handler = function(event, ctx)
  count = count + 1
  if event.fail then error { type = "Failed", message = event.fail } end
  if event.big then return ("x"):rep(event.big) end
  if event.exit then os.exit(3) end
  if event.stream then
    local stream = ctx:stream { content_type = "text/plain" }
    stream:write "a" stream:write "b"
    return
  end
  if event.sleep then os.execute("sleep " .. event.sleep) end
  if event.context then
    return { arn = ctx.arn, tenant = ctx.tenant_id, client = ctx.client_context, left = ctx:remaining_ms() }
  end
  return { event = event, count = count }
end }]]

local MAIN = 'package.path = "./lua/?.lua;" .. package.path package.cpath = "./build/%s/?.so;" .. package.cpath '
  .. 'require("dynamodb.lambda").start(require "app".handler)'

local function package_of(files)
  local directory = runtime_api.package(files)
  assert(os.execute(("cp %s %s/bootstrap"):format(runtime_api.BOOTSTRAP, directory)))
  return directory
end

describe("A function under the Runtime Interface Emulator", function()
  if not lambda_peers.rie.available() then
    pending "the Runtime Interface Emulator is not here: tools/peers.sh fetch"
    return
  end
  local peer

  local function start(setup)
    setup = setup or {}
    local directory = package_of(setup.files or { ["app.lua"] = APP })
    peer = lambda_peers.rie.start {
      directory = directory, handler = setup.handler or "app.handler", command = { directory .. "/bootstrap" },
    }
    return peer
  end

  after_each(function() if peer then peer:stop() end peer = nil end)

  local function call(event, headers)
    local body, status = peer:invoke(core.json_encode(event), headers)
    return core.json_decode(body), status
  end

  it("answers event after event", function()
    start()
    assert.same({ event = { n = 1 }, count = 1 }, call { n = 1 })
    assert.same({ event = { n = 2 }, count = 2 }, call { n = 2 })
  end)

  it("fails and goes on", function()
    start()
    local report = call { fail = "no" }
    assert.same({ "Failed", "no" }, { report.errorType, report.errorMessage })
    assert.equal(2, call({}).count)
  end)

  it("knows its context", function()
    start()
    local ctx = call({ context = true }, "X-Amz-Tenant-Id: t1\r\nX-Amz-Client-Context: "
      .. core.base64 '{"custom":{"a":1}}' .. "\r\n")
    assert.truthy(ctx.arn:find "^arn:aws:lambda:")
    assert.equal("t1", ctx.tenant)
    assert.same({ custom = { a = 1 } }, ctx.client)
    assert.truthy(ctx.left > 0)
  end)

  it("answers with several megabytes, and not with too many", function()
    start()
    assert.equal(5 * 2 ^ 20, #call { big = 5 * 2 ^ 20 })
    assert.equal("Function.ResponseSizeTooLarge", call({ big = 7 * 2 ^ 20 }).errorType)
    assert.equal(3, call({}).count)
  end)

  it("streams a response", function()
    start()
    assert.equal("ab", (peer:invoke '{"stream":true}'))
    assert.equal(2, call({}).count)
  end)

  it("that ends in its midst is replaced", function()
    start()
    assert.equal("Runtime.ExitError", call({ exit = true }).errorType)
    assert.equal(1, call({}).count)
  end)

  for name, case in pairs {
    ["Runtime.MalformedHandlerName"] = { handler = "app" },
    ["Runtime.ImportModuleError"] = { handler = "other.handler" },
    ["Runtime.HandlerNotFound"] = { handler = "app.other" },
    ["Runtime.UserCodeSyntaxError"] = { handler = "app.handler", files = { ["app.lua"] = "return {" } },
  } do
    it("that cannot begin tells of " .. name, function()
      start(case)
      assert.equal(name, call({}).errorType)
    end)
  end
end)

describe("Several invocations at a time under the Runtime Interface Emulator", function()
  if not lambda_peers.rie.can_be_alone() then
    pending "it is not here, or unshare -m is not allowed"
    return
  end

  it("have a process and a context each", function()
    -- Each invocation waits until all three of its round are there.
    local directory = package_of { ["task/app.lua"] = [[
      local function has(round, n) return io.open(("/var/here/%d-%d"):format(round, n)) ~= nil end
      return { handler = function(event, ctx)
        io.open(("/var/here/%d-%d"):format(event.round, event.n), "w"):close()
        local all
        for _ = 1, 40 do
          all = has(event.round, 1) and has(event.round, 2) and has(event.round, 3)
          if all then break end
          os.execute "sleep 0.05"
        end
        ctx.log:info("here", event)
        if event.n == 2 then error { type = "Failed", message = "two" } end
        return { n = event.n, all = all, id = ctx.request_id, trace = os.getenv "_X_AMZN_TRACE_ID" }
      end }]] }
    -- The emulator gives the function another user.
    assert(os.execute(("cd %s && mv bootstrap task/ && mkdir -m 777 here && chmod 755 ."):format(directory)))
    local peer = lambda_peers.rie.start {
      directory = "/var/task", root = directory, handler = "app.handler", command = { "/var/task/bootstrap" },
      env = { AWS_LAMBDA_MAX_CONCURRENCY = "3", AWS_LAMBDA_LOG_FORMAT = "JSON" },
    }
    finally(function() peer:stop() end)
    local round, answers = 0, nil
    assert.is_truthy(process.await(120, function() -- until all three processes wait for events
      round = round + 1
      local events = {}
      for n = 1, 3 do events[n] = ('{"n":%d,"round":%d}'):format(n, round) end
      answers = peer:invoke_all(events)
      local text = table.concat(answers)
      return not text:find("Runtime.Unavailable", 1, true) and select(2, text:gsub('"all":true', "")) == 2
    end), peer:output())
    for i, text in ipairs(answers) do answers[i] = core.json_decode(text) end
    assert.same({ 1, true, "Root=1" }, { answers[1].n, answers[1].all, answers[1].trace })
    assert.same({ "Failed", "two" }, { answers[2].errorType, answers[2].errorMessage })
    assert.same({ 3, true, "Root=3" }, { answers[3].n, answers[3].all, answers[3].trace })
    local ids = { answers[1].id, answers[2].requestId, answers[3].id }
    for line in peer:output():gmatch '{"[^\n]*"here"[^\n]*' do
      local logged = core.json_decode(line)
      if logged.round == round then
        assert.equal(ids[logged.n], logged.requestId)
        ids[logged.n] = nil
      end
    end
    assert.is_nil(next(ids))
  end)
end)

describe("A function under @vercel/fun", function()
  if not lambda_peers.fun.available() then
    pending "@vercel/fun is not here: tools/peers.sh fetch"
    return
  end
  local peer

  before_each(function()
    peer = lambda_peers.fun.start { directory = package_of { ["app.lua"] = APP }, handler = "app.handler" }
  end)
  after_each(function() peer:stop() end)

  it("is frozen after each event and goes on with the next one", function()
    for i = 1, 20 do assert.equal(i, core.json_decode((peer:invoke "{}")).count) end
  end)

  it("goes on where the connection was closed while it worked", function()
    assert.equal(1, core.json_decode((peer:invoke "{}")).count)
    assert.equal(2, core.json_decode((peer:invoke '{"sleep":5.5}')).count)
    assert.equal(3, core.json_decode((peer:invoke "{}")).count)
  end)

  it("fails and goes on", function()
    local payload, err = peer:invoke '{"fail":"no"}'
    assert.same({ "Handled", "no" }, { err, core.json_decode(payload).errorMessage })
    assert.equal(2, core.json_decode((peer:invoke "{}")).count)
  end)
end)

for _, lua in ipairs { "lua5.4", "luajit", "lua5.3" } do
  local built = lua:gsub("^lua(5)", "%1")
  describe("A function that " .. lua .. " runs", function()
    if not io.open(("build/%s/dynamodb/system.so"):format(built)) then
      pending("no modules are built for " .. lua)
      return
    end
    local f
    after_each(function() f:stop() end)

    it("is served in the same way", function()
      local directory = runtime_api.package { ["app.lua"] = APP, ["main.lua"] = MAIN:format(built) }
      f = runtime_api.run {
        runtime_api.event '{"n":1}', runtime_api.ACCEPTED, runtime_api.event '{"fail":"no"}', runtime_api.ACCEPTED,
        files = {}, command = { lua, directory .. "/main.lua" },
        env = { LUA_PATH = directory .. "/?.lua;;", LUA_PATH_5_4 = directory .. "/?.lua;;" },
      }
      local posts = f:posts(2)
      assert.same({ event = { n = 1 }, count = 1 }, core.json_decode(posts[1].body))
      assert.equal("Failed", core.json_decode(posts[2].body).errorType)
      f.child:kill(15)
      assert.equal(0, f:exit_code())
    end)
  end)
end

describe("lambda.start", function()
  it("raises outside of Lambda", function()
    local ok, message = pcall(require "dynamodb.lambda".start, print)
    assert.is_false(ok)
    assert.truthy(message:find("AWS_LAMBDA_RUNTIME_API is not set", 1, true))
  end)
end)

describe("A function on arm64", function()
  local ROOT = "cache/arm64/usr/lib/aarch64-linux-gnu"
  local emulated = os.execute "command -v qemu-aarch64 > /dev/null"
  if not emulated or not io.open "build/lambda-arm64/bootstrap" then
    pending "neither qemu-user nor build/lambda-arm64/bootstrap: make lambda ARCH=arm64"
    return
  end
  local f
  after_each(function() f:stop() end)

  it("is served, and signs as this machine does", function()
    local sign = [[return require "dynamodb.core"
      .signer { access_key_id = "a", secret_access_key = "b", region = "eu-west-1", service = "dynamodb" }
      :head("host", "DynamoDB_20120810.ListTables", "{}", 1700000000, "id", "attempt=1")]]
    f = runtime_api.run {
      runtime_api.event "1", runtime_api.ACCEPTED,
      command = {
        "qemu-aarch64", "-L", "/usr/aarch64-linux-gnu", "-E", "LD_LIBRARY_PATH=" .. ROOT,
        "build/lambda-arm64/bootstrap",
      },
      handler = "return { handler = function() " .. sign .. " end }",
    }
    assert.equal(assert(load(sign))(), core.json_decode(f:posts(1)[1].body))
  end)
end)
