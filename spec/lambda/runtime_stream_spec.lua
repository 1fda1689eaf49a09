-- Responses that are sent while they are made.
local core = require "dynamodb.core"
local process = require "spec.support.process"
local runtime_api = require "spec.support.runtime_api"

local ACCEPTED, event, header = runtime_api.ACCEPTED, runtime_api.event, runtime_api.header

describe("A streamed response", function()
  local f

  local function run(body, more)
    local setup = { event "1", ACCEPTED, event "2", ACCEPTED }
    setup.handler = ("return { handler = function(event, ctx) if event == 2 then return 'next' end %s end }")
      :format(body)
    for name, value in pairs(more or {}) do setup[name] = value end
    f = runtime_api.run(setup)
    return f
  end

  after_each(function() f:stop() end)

  -- The chunks of a body, and the trailers after them.
  local function chunks(body)
    local list, at = {}, 1
    while true do
      local size, next_at = body:match("^(%x+)\r\n()", at)
      size = tonumber(size, 16)
      at = next_at
      if size == 0 then return list, body:sub(at) end
      list[#list + 1] = body:sub(at, at + size - 1)
      assert.equal("\r\n", body:sub(at + size, at + size + 1))
      at = at + size + 2
    end
  end

  it("has a chunk for each write, and no trailer", function()
    local posts = run "local s = ctx:stream() s:write 'one' s:write '' s:write(('x'):rep(20000))":posts(2)
    local list, rest = chunks(posts[1].body)
    assert.same({ "one", 20000 }, { list[1], #list[2] })
    assert.equal("\r\n", rest)
    assert.equal('"next"', posts[2].body)
    assert.equal(posts[1].connection, posts[2].connection)
  end)

  it("says that it is one, and what trailers may come", function()
    local post = run "ctx:stream { content_type = 'text/csv' }:write 'a,b'":posts(1)[1]
    assert.equal("/2018-06-01/runtime/invocation/id-1/response", post.path)
    assert.equal("streaming", header(post, "lambda-runtime-function-response-mode"))
    assert.equal("chunked", header(post, "transfer-encoding"))
    assert.equal("Lambda-Runtime-Function-Error-Type, Lambda-Runtime-Function-Error-Body", header(post, "trailer"))
    assert.equal("text/csv", header(post, "content-type"))
    assert.is_nil(header(post, "content-length"))
  end)

  it("of HTTP begins with status, headers and cookies, and eight zeros", function()
    local post = run([[local s = ctx:stream { status = 201, headers = { ["content-type"] = "text/html" },
      cookies = { "a=b" } } s:write "<p>"]]):posts(1)[1]
    assert.equal("application/vnd.awslambda.http-integration-response", header(post, "content-type"))
    local list = chunks(post.body)
    local prelude, zeros = list[1]:match "^([^%z]*)(%z*)$"
    assert.same({ statusCode = 201, headers = { ["content-type"] = "text/html" }, cookies = { "a=b" } },
      core.json_decode(prelude))
    assert.equal(8, #zeros)
    assert.equal("<p>", list[2])
  end)

  it("of HTTP has headers of one value each, and lists of cookies only where there are some", function()
    local post = run([[ctx:stream { headers = { Vary = { "a", "b" }, ["X-N"] = 1 }, cookies = {} }]]):posts(1)[1]
    assert.same({ statusCode = 200, headers = { vary = "a, b", ["x-n"] = "1" } },
      core.json_decode(chunks(post.body)[1]:match "^[^%z]*"))
  end)

  it("of HTTP has its content type among its headers", function()
    local post = run([[ctx:stream { status = 201, content_type = "text/csv" }]]):posts(1)[1]
    assert.equal("text/csv", core.json_decode(chunks(post.body)[1]:match "^[^%z]*").headers["content-type"])
  end)

  it("goes over a new connection where the old one was closed meanwhile", function()
    run([[while not io.open(os.getenv "LAMBDA_TASK_ROOT" .. "/go") do os.execute "sleep 0.01" end
      ctx:stream():write "whole"]], {
      { { "read" }, { "send", event "1" }, { "close" } },
      { { "read" }, { "send", ACCEPTED }, { "read" }, { "stall" } },
    })
    assert(f.server:await("closed", 1))
    assert(io.open(f.directory .. "/go", "w")):close()
    local post = f:posts(1)[1]
    assert.same({ { "whole" }, 2 }, { (chunks(post.body)), post.connection })
  end)

  it("may be empty", function()
    local list, rest = chunks(run "ctx:stream()":posts(1)[1].body)
    assert.same({ {}, "\r\n" }, { list, rest })
  end)

  it("is sent before the handler returns", function()
    run [[ctx:stream():write "early" print "written"
      while not io.open(os.getenv "LAMBDA_TASK_ROOT" .. "/go") do os.execute "sleep 0.01" end]]
    assert.truthy(process.await(60, function() return f:output():find "written" end))
    assert.same({}, f:posts(0)) -- not whole yet
    assert(io.open(f.directory .. "/go", "w")):close()
    assert.same({ "early" }, (chunks(f:posts(1)[1].body)))
  end)

  it("tells in trailers of what went wrong in its midst", function()
    local posts = run("ctx:stream():write 'half' error { type = 'Broken', message = 'no more' }", {
      { { "read" }, { "send", event "1" }, { "read" }, { "send", ACCEPTED }, { "drain" } },
      { { "read" }, { "send", event "2" }, { "read" }, { "send", ACCEPTED }, { "read" }, { "stall" } },
    }):posts(2)
    local list, rest = chunks(posts[1].body)
    assert.same({ "half" }, list)
    assert.equal("Function.Broken", rest:match "Lambda%-Runtime%-Function%-Error%-Type: (%S+)\r\n")
    local report = core.json_decode(core.unbase64(rest:match "Lambda%-Runtime%-Function%-Error%-Body: (%S+)\r\n"))
    assert.same({ "Broken", "no more", "id-1" }, { report.errorType, report.errorMessage, report.requestId })
    assert.equal('"next"', posts[2].body)
    assert.equal(2, posts[2].connection) -- the old one is closed
  end)

  it("is an ordinary error before its first byte", function()
    local posts = run "ctx:stream { status = 200 } error 'early'":posts(2)
    assert.equal("/2018-06-01/runtime/invocation/id-1/error", posts[1].path)
    assert.is_nil(header(posts[1], "transfer-encoding"))
  end)

  it("cannot begin, or go on, when the invocation has its answer", function()
    local posts = run([[local old = ctx:stream()
      ctx:defer(function() print(pcall(old.write, old, "late")) end)
      ctx:defer(function() print(pcall(ctx.stream, ctx)) end)
      error "failed"]]):posts(2)
    assert.same({ "/2018-06-01/runtime/invocation/id-1/error", '"next"' }, { posts[1].path, posts[2].body })
    assert.matches("write: the response has ended.*stream: the invocation has been answered", f:output())
  end)

  it("that nobody takes any more gives an error to who writes", function()
    run([[local s, ok, err = ctx:stream(), true, nil
      for _ = 1, 1000 do ok, err = s:write(("x"):rep(100000)) if not ok then break end end
      print(ok, err and err.code)]], {
      { { "read" }, { "send", event "1" }, { "read_bytes", 1000 }, { "reset" } },
      { { "read" }, { "send", event "2" }, { "read" }, { "send", ACCEPTED }, { "read" }, { "stall" } },
    })
    assert.equal('"next"', f:posts(1)[1].body)
    assert.equal("nil\tConnectionError\n", process.read(f.child.stdout):match "[^\n]*\n")
  end)

  for what, body in pairs {
    ["begun twice"] = "ctx:stream() ctx:stream()",
    ["begun with an option that is none"] = "ctx:stream { stauts = 200 }",
    ["begun with a content type that breaks the line"] = "ctx:stream { content_type = 'a\\r\\nb' }",
    ["begun with a header that breaks the line"] = "ctx:stream { headers = { a = 'x\\r\\nb: c' } }",
    ["begun with a status that is none"] = "ctx:stream { status = 200.5 }",
    ["written what is no string"] = "ctx:stream():write(7)",
  } do
    it("raises when it is " .. what, function()
      local post = run(body):posts(1)[1]
      assert.equal("/2018-06-01/runtime/invocation/id-1/error", post.path)
      assert.truthy(core.json_decode(post.body).errorMessage:find("app.lua:1: ", 1, true))
    end)
  end
end)
