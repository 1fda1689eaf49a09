-- What a Runtime API, or an emulator of it, may do to a function: answers of every kind, connections of every kind.
local core = require "dynamodb.core"
local process = require "spec.support.process"
local runtime_api = require "spec.support.runtime_api"

local ACCEPTED, event, answer = runtime_api.ACCEPTED, runtime_api.event, runtime_api.answer

local ECHO = "return { handler = function(event) return event end }"
local REGISTERED = "HTTP/1.1 200 OK\r\nLambda-Extension-Identifier: ext-1\r\nContent-Length: 2\r\n\r\n{}"
local EXTENSION = { { "read" }, { "send", REGISTERED }, { "read" }, { "stall" } } -- a connection
local SIGTERM, SIGSTOP, SIGCONT = 15, 19, 18

describe("The Lambda runtime and its Runtime API:", function()
  local f

  local function run(setup)
    setup.handler = setup.handler or ECHO
    f = runtime_api.run(setup)
    return f
  end

  after_each(function()
    if f then f:stop() end
    f = nil
  end)

  local function paths(list)
    local out = {}
    for i, request in ipairs(list) do out[i] = request.path:match "[^/]*$" end
    return out
  end

  it("any status of success is one", function()
    assert.equal("2", run { event "1", answer(200), event "2", answer(204) }:posts(2)[2].body)
    assert.equal("", f:output())
  end)

  it("no event yet, status 204, is asked for again", function()
    assert.equal("1", run { answer(204, ""), answer(204, ""), event "1", ACCEPTED }:posts(1)[1].body)
    assert.equal(4, #f:posts(4, "GET"))
  end)

  it("an answer that ends with its connection is whole", function()
    local head = "HTTP/1.0 200 OK\r\nLambda-Runtime-Aws-Request-Id: id-1\r\n\r\n"
    run {
      { { "read" }, { "send", head .. "[1," }, { "send", "2]" }, { "close" } },
      { { "read" }, { "send", "HTTP/1.0 202 Accepted\r\n\r\n" }, { "close" } },
      { { "read" }, { "stall" } },
    }
    assert.equal("[1,2]", f:posts(1)[1].body)
    assert.equal(3, f:posts(2, "GET")[2].connection)
  end)

  it("an event comes in pieces", function()
    run { { { "read" }, { "trickle", event '{"a":"b"}', every = 0.001, size = 7 }, { "read" }, { "send", ACCEPTED } } }
    assert.equal('{"a":"b"}', f:posts(1)[1].body)
  end)

  it("an event comes in chunks", function()
    run {
      "HTTP/1.1 200 OK\r\nLambda-Runtime-Aws-Request-Id: id-1\r\nTransfer-Encoding: chunked\r\n\r\n"
        .. "3\r\n[1,\r\n2\r\n2]\r\n0\r\n\r\n", ACCEPTED,
    }
    assert.equal("[1,2]", f:posts(1)[1].body)
  end)

  it("a kept connection that was closed meanwhile is made again", function()
    run {
      { { "read" }, { "send", event "1" }, { "close" } },
      { { "read" }, { "send", ACCEPTED }, { "close" } },
      { { "read" }, { "send", event "2" }, { "stall" } },
      handler = [[return { handler = function(event)
        while not io.open(os.getenv "LAMBDA_TASK_ROOT" .. "/go") do os.execute "sleep 0.01" end
        return event
      end }]],
    }
    assert(f.server:await("closed", 1))
    assert(io.open(f.directory .. "/go", "w")):close()
    local posts = f:posts(1)
    assert.same({ "1", 2 }, { posts[1].body, posts[1].connection })
    assert.equal(3, f:posts(2, "GET")[2].connection)
  end)

  it("a connection that it wants closed is not used again", function()
    local closing = event("1", { Connection = "close" })
    run {
      { { "read" }, { "send", closing }, { "read" }, { "stall" } },
      { { "read" }, { "send", ACCEPTED }, { "read" }, { "stall" } },
    }
    assert.equal(2, f:posts(1)[1].connection)
  end)

  it("a kept connection that dies under a request is made again, once", function()
    run {
      { { "read" }, { "send", event "1" }, { "read" }, { "reset" } },
      { { "read" }, { "send", ACCEPTED }, { "read" }, { "stall" } },
    }
    local posts = f:posts(2)
    assert.same({ "1", "1" }, { posts[1].body, posts[2].body })
    assert.same({ 1, 2 }, { posts[1].connection, posts[2].connection })
  end)

  it("a response that is refused as too large becomes an error", function()
    local posts = run {
      event "1", answer(413, '{"errorType":"RequestEntityTooLarge"}'), ACCEPTED, event "2", ACCEPTED,
    }:posts(3)
    assert.same({ "response", "error", "response" }, paths(posts))
    local report = core.json_decode(posts[2].body)
    assert.equal("Function.ResponseSizeTooLarge", report.errorType)
    assert.equal("Function.ResponseSizeTooLarge", runtime_api.header(posts[2], "lambda-runtime-function-error-type"))
    assert.equal("2", posts[3].body)
  end)

  it("a response that is refused before all of it was sent becomes one, too", function()
    local posts = run {
      { { "read" }, { "send", event "1" }, { "read_bytes", 1000 }, { "send", answer(413) },
        { "wait", 1 }, { "close" } }, -- by then it has been read
      { { "read" }, { "send", ACCEPTED }, { "read" }, { "stall" } },
      handler = "return { handler = function() return ('x'):rep(2e7) end }",
    }:posts(1)
    assert.same({ "error" }, paths(posts))
    assert.equal("Function.ResponseSizeTooLarge", core.json_decode(posts[1].body).errorType)
  end)

  for _, status in ipairs { 400, 403 } do
    it(("a response that is refused with %d is logged, and the next event served"):format(status), function()
      local posts = run { event "1", answer(status, '{"errorType":"Invalid"}'), event "2", ACCEPTED }:posts(2)
      assert.equal("2", posts[2].body)
      assert.truthy(f:output():find(('[^\n]*id%%-1\t[^\n]*HTTP status %d, {"errorType":"Invalid"}'):format(status)))
    end)
  end

  it("an error of its own, 500, to a response ends the process", function()
    run { event "1", answer(500) }
    assert.equal(2, f:exit_code())
    assert.equal(1, #f:posts(1, "GET"))
  end)

  it("an error of its own, 500, to the wait for an event ends the process", function()
    run { answer(500) }
    assert.equal(2, f:exit_code())
  end)

  it("an answer that cannot be read is asked for again on a new connection", function()
    run {
      { { "read" }, { "send", "HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n" }, { "stall" } },
      { { "read" }, { "send", event "1" }, { "read" }, { "send", ACCEPTED } },
    }
    assert.equal("1", f:posts(1)[1].body)
  end)

  it("an event without a request id is none", function()
    run { "HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\n\"secret\"", event "1", ACCEPTED }
    assert.equal("1", f:posts(1)[1].body)
    local log = f:output()
    assert.matches("no request id came with the event", log, 1, true)
    assert.is_nil(log:find("secret", 1, true))
  end)

  it("one that cannot be reached is given up", function()
    f = runtime_api.run { handler = ECHO, env = { AWS_LAMBDA_RUNTIME_API = "127.0.0.1:1" } }
    assert.equal(2, f.child:wait(60))
    assert.truthy(f:output():find("Connection refused", 1, true))
  end)

  it("SIGTERM ends the wait for an event, and the function is told", function()
    run {
      EXTENSION,
      { { "read" }, { "send", event "1" }, { "read" }, { "send", ACCEPTED }, { "read" }, { "stall" } },
      handler = "return { handler = function(e) return e end, lambda = { shutdown = function() print 'told' end } }",
    }
    assert.equal(3, #f:posts(3, "GET")) -- the extension's wait, two of the function's
    f.child:kill(SIGTERM)
    assert.equal(0, f:exit_code())
    assert.equal("told\n", process.read(f.child.stdout))
    local register, wait = f:posts(2)[1], f:posts(3, "GET")[1]
    assert.same({ "/2020-01-01/extension/register", '{"events":[]}' }, { register.path, register.body })
    assert.equal("/2020-01-01/extension/event/next", wait.path)
    assert.equal("ext-1", runtime_api.header(wait, "lambda-extension-identifier"))
    assert.equal(1, wait.connection)
  end)

  it("after an event nothing of it is left in the environment", function()
    run {
      EXTENSION,
      {
        { "read" }, { "send", event("1", {
          ["Lambda-Runtime-Trace-Id"] = "Root=1",
          ["Lambda-Runtime-Deadline-Ms"] = ("%d"):format((os.time() + 9) * 1000),
        }) }, { "read" }, { "send", ACCEPTED }, { "read" }, { "stall" },
      },
      handler = [[
        local function show()
          print(os.getenv "_X_AMZN_TRACE_ID", (os.getenv "_DYNAMODB_DEADLINE_MS" or ""):match "%d")
        end
        return { handler = show, lambda = { shutdown = show } }]],
    }
    assert.equal(3, #f:posts(3, "GET"))
    f.child:kill(SIGTERM)
    assert.equal(0, f:exit_code())
    assert.equal("Root=1\t1\nnil\tnil\n", process.read(f.child.stdout))
  end)

  it("SIGTERM during an event waits for its response", function()
    run {
      event "1", ACCEPTED,
      handler = "return { handler = function() print 'begun' os.execute 'sleep 0.2' return 7 end }",
    }
    assert.truthy(process.await(60, function() return f:output():find "begun" end))
    f.child:kill(SIGTERM)
    assert.equal("7", f:posts(1)[1].body)
    assert.equal(0, f:exit_code())
  end)

  it("no extension is registered where nobody wants to know", function()
    run { event "1", ACCEPTED }
    assert.same({ "response" }, paths(f:posts(1)))
  end)

  it("an extension that is refused is no reason to fail", function()
    run {
      { { "read" }, { "send", answer(403) }, { "stall" } },
      { { "read" }, { "send", event "1" }, { "read" }, { "send", ACCEPTED } },
      handler = "return { handler = function(e) return e end, lambda = { shutdown = function() end } }",
    }
    assert.equal("1", f:posts(2)[2].body)
    assert.truthy(f:output():find("no extension could be registered", 1, true))
  end)

  it("a process that was frozen while it waited goes on", function()
    run { { { "read" }, { "await", "freeze" }, { "send", event "1" }, { "read" }, { "send", ACCEPTED } } }
    assert.equal(1, #f:posts(1, "GET"))
    f.child:kill(SIGSTOP)
    f.server:let "freeze"
    process.sleep(0.3)
    assert.same({}, f:posts(0))
    f.child:kill(SIGCONT)
    assert.equal("1", f:posts(1)[1].body)
  end)

  describe("a snapshot", function()
    local SNAP = { AWS_LAMBDA_INITIALIZATION_TYPE = "snap-start" }

    local function hooks(before, after)
      return ("return { handler = function(e) return e end, lambda = { before_checkpoint = function() %s end, "
        .. "after_restore = function() %s end } }"):format(before, after)
    end

    it("is announced, and the functions around it are called", function()
      run { answer(200), event "1", ACCEPTED, handler = hooks("print 'before'", "print 'after'"), env = SNAP }
      assert.equal("1", f:posts(1)[1].body)
      assert.equal("next", paths(f:posts(1, "GET"))[1])
      assert.equal("/2018-06-01/runtime/restore/next", f:posts(1, "GET")[1].path)
      assert.equal("before\nafter\n", process.read(f.child.stdout))
    end)

    it("is not taken when the function before it fails", function()
      run { ACCEPTED, handler = hooks("error 'not ready'", ""), env = SNAP }
      assert.equal("/2018-06-01/runtime/init/error", f:posts(1)[1].path)
      assert.equal(64, f:exit_code())
    end)

    it("is not used when the function after it fails", function()
      run { answer(200), ACCEPTED, handler = hooks("", "error 'not ready'"), env = SNAP }
      assert.equal("/2018-06-01/runtime/restore/error", f:posts(1)[1].path)
      assert.equal(65, f:exit_code())
    end)
  end)

  describe("several invocations at a time", function()
    local TWO = { AWS_LAMBDA_MAX_CONCURRENCY = "2" }

    it("have a process each", function()
      local slow = { { "read" }, { "send", event "1" }, { "read" }, { "send", ACCEPTED }, { "read" }, { "stall" } }
      run { EXTENSION, slow, slow, handler = [[
        local file = assert(io.open "/proc/self/stat")
        local pid = file:read "n"
        return { handler = function() os.execute "sleep 0.1" return pid end }]], env = TWO }
      local posts = f:posts(3)
      assert.equal("/2020-01-01/extension/register", posts[1].path)
      assert.are_not.equal(posts[2].body, posts[3].body)
      f.child:kill(SIGTERM)
      assert.equal(0, f:exit_code())
      for i = 2, 3 do assert.is_nil(io.open(("/proc/%s/stat"):format(posts[i].body))) end
    end)

    it("are one where the environment has no number of them", function()
      for _, count in ipairs { "0", "many" } do
        run { event "1", ACCEPTED, env = { AWS_LAMBDA_MAX_CONCURRENCY = count } }
        assert.equal("1", f:posts(1)[1].body)
        f:stop()
      end
    end)

    it("go on in another process when one dies", function()
      run {
        EXTENSION,
        { { "read" }, { "send", event "1" }, { "drain" } },
        { { "read" }, { "stall" } },
        { { "read" }, { "send", event "2" }, { "read" }, { "send", ACCEPTED }, { "read" }, { "stall" } },
        handler = "return { handler = function(e) if e == 1 then os.exit(9) end return e end }", env = TWO,
      }
      assert.equal("2", f:posts(2)[2].body)
    end)

    it("are all told of SIGTERM, whatever some of them have to finish", function()
      local directory = process.temporary_directory()
      local slow = { { "read" }, { "send", event "1" }, { "read" }, { "send", ACCEPTED }, { "read" }, { "stall" } }
      run {
        EXTENSION, slow, slow, { { "read" }, { "stall" } },
        env = { AWS_LAMBDA_MAX_CONCURRENCY = "3", DIRECTORY = directory },
        handler = [[
          local path = os.getenv "DIRECTORY" .. "/told"
          local function handler()
            for _ = 1, 1000 do
              if io.open(path) then return "told" end
              os.execute "sleep 0.05"
            end
            return "too late"
          end
          return { handler = handler, lambda = { shutdown = function() io.open(path, "w"):close() end } }]],
      }
      assert.equal(3, #f:posts(4, "GET") - 1) -- the extension's wait, and one of each process
      f.child:kill(SIGTERM)
      local posts = f:posts(3)
      assert.same({ '"told"', '"told"' }, { posts[2].body, posts[3].body })
      assert.equal(0, f:exit_code())
    end)

    it("are not started over and over where none of them lives for long", function()
      local directory = process.temporary_directory()
      run {
        EXTENSION,
        env = { AWS_LAMBDA_MAX_CONCURRENCY = "3", DIRECTORY = directory },
        handler = [[
          local file = io.open(os.getenv "DIRECTORY" .. "/starts", "a")
          file:write "."
          file:close()
          os.exit(3)]],
      }
      local function starts() return #process.read(directory .. "/starts") end
      assert.truthy(process.await(60, function() return starts() >= 3 end))
      process.sleep(0.5)
      f.child:kill(SIGTERM)
      assert.equal(0, f:exit_code())
      assert.is_true(starts() <= 20, ("they were started %d times"):format(starts()))
    end)

    it("end together when the handler cannot be loaded", function()
      run { EXTENSION, { { "read" }, { "send", ACCEPTED }, { "close" } }, handler = "error 'broken'", env = TWO }
      assert.equal(70, f:exit_code())
      assert.equal("error", paths(f:posts(2))[2])
    end)
  end)
end)
