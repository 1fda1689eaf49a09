-- The bootstrap and a Runtime API that follows a script.
local core = require "dynamodb.core"
local process = require "spec.support.process"
local runtime_api = require "spec.support.runtime_api"
local server = require "spec.support.server"

local ACCEPTED, event, header = runtime_api.ACCEPTED, runtime_api.event, runtime_api.header

local ECHO = "return { handler = function(event) return event end }"

describe("The Lambda runtime", function()
  local f

  local function run(setup)
    f = runtime_api.run(setup)
    return f
  end

  after_each(function()
    if f then f:stop() end
    f = nil
  end)

  local function handler(body) return "return { handler = function(event, ctx) " .. body .. " end }" end

  -- What the function reported as an error of its first event.
  local function failure(setup)
    setup[1], setup[2] = setup[1] or event "{}", setup[2] or ACCEPTED
    local post = run(setup):posts(1)[1]
    assert.equal("/2018-06-01/runtime/invocation/id-1/error", post.path)
    return core.json_decode(post.body), post
  end

  describe("serves an event", function()
    it("and sends what the handler returned", function()
      local post = run { event '{"n":1}', ACCEPTED, handler = ECHO }:posts(1)[1]
      assert.equal("/2018-06-01/runtime/invocation/id-1/response", post.path)
      assert.equal('{"n":1}', post.body)
      assert.equal("application/json", header(post, "content-type"))
    end)

    it("after another, over one connection", function()
      local posts = run {
        event "1", ACCEPTED, event("2", { ["Lambda-Runtime-Aws-Request-Id"] = "id-2" }), ACCEPTED, handler = ECHO,
      }:posts(2)
      assert.same({ "1", "2" }, { posts[1].body, posts[2].body })
      assert.equal(posts[1].connection, posts[2].connection)
      assert.equal("/2018-06-01/runtime/invocation/id-2/response", posts[2].path)
    end)

    it("without losing what JSON can tell", function()
      local text = '{"null":null,"list":[],"map":{},"big":9007199254740993,"text":"\\u0000é"}'
      local post = run { event(text), ACCEPTED, handler = ECHO }:posts(1)[1]
      assert.same(core.json_decode(text), core.json_decode(post.body))
      assert.truthy(post.body:find('"null":null', 1, true))
      assert.truthy(post.body:find('"list":[]', 1, true))
      assert.truthy(post.body:find('"big":9007199254740993', 1, true))
    end)

    it("as bytes where the handler asks for them", function()
      local post = run {
        event '{ "n" : 1 }', ACCEPTED,
        handler = "return { handler = function(e) return { e } end, lambda = { raw = true } }",
      }:posts(1)[1]
      assert.equal('["{ \\"n\\" : 1 }"]', post.body)
    end)

    it("of several megabytes", function()
      local text = '"' .. ("x"):rep(6 * 2 ^ 20) .. '"'
      local post = run { event(text), ACCEPTED, handler = ECHO }:posts(1)[1]
      assert.equal(#text, post.size)
    end)

    it("whose id needs encoding in a path", function()
      run { event("1", { ["Lambda-Runtime-Aws-Request-Id"] = "a/b?c d" }), ACCEPTED, handler = ECHO }
      local post = f:posts(1)[1]
      assert.equal("/2018-06-01/runtime/invocation/a%2Fb%3Fc%20d/response", post.path)
    end)

    it("and names the attempt that it belongs to", function()
      run { event("1", { ["Lambda-Runtime-Invocation-Id"] = "try-1" }), ACCEPTED, handler = ECHO }
      assert.equal("try-1", header(f:posts(1)[1], "lambda-runtime-invocation-id"))
    end)

    it("with null where the handler returns nothing", function()
      local post = run { event "1", ACCEPTED, handler = handler "" }:posts(1)[1]
      assert.equal("null", post.body)
    end)

    it("to what can be called like a function", function()
      local post = run {
        event "1", ACCEPTED,
        handler = "return { handler = setmetatable({}, { __call = function() return 'called' end }) }",
      }:posts(1)[1]
      assert.equal('"called"', post.body)
    end)
  end)

  describe("finds the handler", function()
    local function answers(name, files, env)
      local post = run { event "1", ACCEPTED, name = name, files = files, env = env }:posts(1)[1]
      return post.body
    end
    local SAY = "return { go = function() return '%s' end }"

    it("in a directory, named with a slash", function()
      assert.equal('"dir"', answers("dir/app.go", { ["dir/app.lua"] = SAY:format "dir" }))
    end)

    it("in a directory, named with a dot", function()
      assert.equal('"dir"', answers("dir.app.go", { ["dir/app.lua"] = SAY:format "dir" }))
    end)

    it("in init.lua", function()
      assert.equal('"init"', answers("app.go", { ["app/init.lua"] = SAY:format "init" }))
    end)

    it("and the modules beside it", function()
      assert.equal('"beside"', answers("app.go", {
        ["app.lua"] = 'local other = require "lib.other" return { go = function() return other.name end }',
        ["lib/other.lua"] = "return { name = 'beside' }",
      }))
    end)

    it("and rocks in share/lua", function()
      assert.equal('"rock"', answers("app.go", {
        ["app.lua"] = 'return { go = function() return require "rock" end }',
        ["share/lua/5.4/rock.lua"] = "return 'rock'",
      }))
    end)

    it("by a name that a program starts, with the program's options", function()
      assert.equal('"1"', answers("main.go", {
        ["main.lua"] = 'require("dynamodb.lambda").start("app.go", { raw = true })',
        ["app.lua"] = "return { go = function(bytes) return bytes end }",
      }))
    end)

    it("in a module that starts it itself", function()
      assert.equal('"itself"', answers("app.go", {
        ["app.lua"] = 'require("dynamodb.lambda").start(function() return "itself" end)',
      }))
    end)
  end)

  describe("reports before the first event, and exits,", function()
    local function init_error(setup)
      setup[1] = ACCEPTED
      local post = run(setup):posts(1)[1]
      assert.equal("/2018-06-01/runtime/init/error", post.path)
      assert.equal(70, f:exit_code())
      assert.same({}, f:posts(0, "GET"))
      local report = core.json_decode(post.body)
      assert.equal(report.errorType, header(post, "lambda-runtime-function-error-type"))
      return report
    end

    it("a handler's name without a dot", function()
      local report = init_error { handler = ECHO, name = "app" }
      assert.equal("Runtime.MalformedHandlerName", report.errorType)
      assert.truthy(report.errorMessage:find("'app'", 1, true))
    end)

    it("a module that is missing", function()
      local report = init_error { handler = ECHO, name = "other.handler" }
      assert.equal("Runtime.ImportModuleError", report.errorType)
      assert.truthy(report.errorMessage:find(f.directory .. "/other.lua", 1, true))
    end)

    it("a module that the handler's misses", function()
      local report = init_error { handler = 'require "nowhere"' }
      assert.equal("Runtime.ImportModuleError", report.errorType)
      assert.truthy(report.errorMessage:find("module 'nowhere' not found", 1, true))
    end)

    it("a syntax error", function()
      local report = init_error { handler = "return {\n  handler = function( }" }
      assert.equal("Runtime.UserCodeSyntaxError", report.errorType)
      assert.truthy(report.errorMessage:find("app.lua:2:", 1, true))
    end)

    it("a function that is missing", function()
      local report = init_error { handler = ECHO, name = "app.other" }
      assert.equal("Runtime.HandlerNotFound", report.errorType)
      assert.truthy(report.errorMessage:find("'other'", 1, true))
    end)

    it("a module that returns no table", function()
      assert.equal("Runtime.HandlerNotFound", init_error { handler = "handler = print" }.errorType)
    end)

    it("options that it does not know", function()
      local report = init_error { handler = "return { handler = print, lambda = { shutdwon = print } }" }
      assert.equal("Runtime.InvalidOptions", report.errorType)
      assert.truthy(report.errorMessage:find('did you mean "shutdown"', 1, true))
    end)

    it("what the module raises, with its stack", function()
      run {
        ACCEPTED, handler = "local function f()\n  error { type = 'NoTable', message = 'TABLE is not set' }\nend\nf()",
      }
      local post = f:posts(1)[1]
      local report = core.json_decode(post.body)
      assert.same({ "NoTable", "TABLE is not set" }, { report.errorType, report.errorMessage })
      assert.truthy(report.stackTrace[1]:find("app.lua:2: in f", 1, true))
      assert.truthy(report.stackTrace[2]:find("app.lua:4: in main chunk", 1, true))
      assert.equal(2, #report.stackTrace)
      assert.equal("Function.NoTable", header(post, "lambda-runtime-function-error-type"))
      assert.equal(70, f:exit_code())
    end)
  end)

  describe("reports an error of the handler", function()
    it("with its message and stack", function()
      local report, post = failure { handler = "local function pay()\n  error 'no money'\nend\n"
        .. "return { handler = function() pay() end }" }
      assert.equal("Error", report.errorType)
      assert.truthy(report.errorMessage:find("app.lua:2: no money", 1, true))
      assert.equal("id-1", report.requestId)
      assert.truthy(report.stackTrace[1]:find("app.lua:2: in pay", 1, true))
      assert.equal("Function.Error", header(post, "lambda-runtime-function-error-type"))
    end)

    it("with the stack of where it was raised, also through what stands around the handler", function()
      local report = failure { handler = [[
        local function pay()
          error { type = "NoCard", message = "none" }
        end
        local metrics = require("dynamodb.lambda.metrics").new { namespace = "N" }
        return { handler = metrics:wrap(metrics:wrap(function() pay() end)) }]] }
      assert.equal("NoCard", report.errorType)
      assert.truthy(report.stackTrace[1]:find("app.lua:2: in pay", 1, true), report.stackTrace[1])
      assert.truthy(report.stackTrace[2]:find("app.lua:5: ", 1, true))
    end)

    it("for X-Ray", function()
      local _, post = failure { handler = handler "error 'no money'" }
      local cause = core.json_decode(header(post, "lambda-runtime-function-xray-error-cause"))
      assert.equal("Error", cause.exceptions[1].type)
      assert.equal(f.directory .. "/app.lua", cause.exceptions[1].stack[1].path)
      assert.equal(1, cause.exceptions[1].stack[1].line)
      assert.same({ f.directory .. "/app.lua" }, cause.paths)
      assert.truthy(#cause.working_directory > 0)
    end)

    it("in a header, however deep the stack is", function()
      local report, post = failure { handler = handler "local function f() return 1 + f() end return f()" }
      assert.truthy(report.errorMessage:find "stack overflow")
      assert.equal(50, #report.stackTrace)
      local cause = header(post, "lambda-runtime-function-xray-error-cause")
      assert.truthy(#cause <= 8192)
      assert.truthy(#core.json_decode(cause).exceptions[1].stack > 0)
    end)

    it("that is a table with a type and a message", function()
      local report, post = failure { handler = handler "error { type = 'OrderNotFound', message = 'order 7' }" }
      assert.same({ "OrderNotFound", "order 7" }, { report.errorType, report.errorMessage })
      assert.equal("Function.OrderNotFound", header(post, "lambda-runtime-function-error-type"))
    end)

    it("that is any other table", function()
      local report = failure { handler = handler "error { code = 7 }" }
      assert.same({ "Error", '{"code":7}' }, { report.errorType, report.errorMessage })
    end)

    it("that cannot even be shown", function()
      local report = failure {
        handler = handler "error(setmetatable({ print }, { __tostring = function() error 'no' end }))",
      }
      assert.same({ "Error", "an error object that cannot be shown" }, { report.errorType, report.errorMessage })
    end)

    it("that does not even let itself be read", function()
      local report = failure { handler = handler "error(setmetatable({}, { __index = function() error 'no' end }))" }
      assert.same({ "Error", "an error object that cannot be shown" }, { report.errorType, report.errorMessage })
    end)

    it("whose type is not one that Lambda takes", function()
      local _, post = failure { handler = handler "error { type = 'com.example#order-7', message = 'm' }" }
      assert.equal("Function.Order", header(post, "lambda-runtime-function-error-type"))
    end)

    it("that is returned after nil, as the library does it", function()
      local report = failure { handler = handler [[
        local db = require("dynamodb").connect { region = "eu-west-1", endpoint = "http://127.0.0.1:1",
          access_key_id = "a", secret_access_key = "b", retry = { max_attempts = 1 } }
        return db:table("t", { partition = "pk" }):get { pk = "a" }]] }
      assert.equal("ConnectionError", report.errorType)
      assert.truthy(report.errorMessage:find("GetItem", 1, true))
    end)

    it("whose message is endless or not text", function()
      local report = failure { handler = handler "error('\\255' .. ('x'):rep(1e6), 0)" }
      assert.truthy(report.errorMessage:find("^\\xffxxx"))
      assert.truthy(#report.errorMessage < 20000)
    end)

    it("in any script", function()
      local report, post = failure { handler = handler "error('größer ✓', 0)" }
      assert.equal("größer ✓", report.errorMessage)
      assert.equal("größer ✓",
        core.json_decode(header(post, "lambda-runtime-function-xray-error-cause")).exceptions[1].message)
    end)

    it("and goes on", function()
      local posts = run {
        event "1", ACCEPTED, event "2", ACCEPTED,
        handler = handler "if event == 1 then error 'x' end return event",
      }:posts(2)
      assert.equal("2", posts[2].body)
    end)

    it("on one line of the log", function()
      failure { handler = handler "error('two\\nlines', 0)" }
      local line = process.await(60, function() return f:output():match "([^\n]*two[^\n]*)\n" end)
      assert.truthy(line:find("^%[ERROR%]\t[%d:TZ.-]+\tid%-1\tError: two\rlines\r\t.*app.lua:1: in "))
    end)
  end)

  describe("refuses", function()
    it("an event that is not JSON", function()
      local report = failure { event '{"a":', handler = ECHO }
      assert.equal("Runtime.UnmarshalError", report.errorType)
      assert.same({}, report.stackTrace)
    end)

    it("a client context that is not JSON", function()
      local report = failure { event("1", { ["Lambda-Runtime-Client-Context"] = "{" }), handler = ECHO }
      assert.equal("Runtime.LambdaContextUnmarshalError", report.errorType)
    end)

    it("a result that is a function", function()
      local report = failure { handler = handler "return { f = print }" }
      assert.equal("Runtime.MarshalError", report.errorType)
      assert.truthy(report.errorMessage:find("f: a function cannot be written as JSON", 1, true))
    end)

    it("a result that is not UTF-8", function()
      assert.equal("Runtime.MarshalError", (failure { handler = handler "return '\\255'" }).errorType)
    end)
  end)

  it("reports a handler that wants more memory than the function has, and goes on", function()
    local posts = run {
      event "1", ACCEPTED, event "2", ACCEPTED, env = { AWS_LAMBDA_FUNCTION_MEMORY_SIZE = "64" },
      handler = handler [[
        local t = {}
        for i = 1, event == 1 and 1e9 or 0 do t[i] = ("x"):rep(1000) .. i end
        return event]],
    }:posts(2)
    assert.equal("Runtime.OutOfMemory", core.json_decode(posts[1].body).errorType)
    assert.equal("Runtime.OutOfMemory", header(posts[1], "lambda-runtime-function-error-type"))
    assert.equal("2", posts[2].body)
  end)

  describe("tells the handler", function()
    local function context(expression, headers, env)
      run { event("{}", headers), ACCEPTED, handler = handler("return " .. expression), env = env }
      return core.json_decode(f:posts(1)[1].body)
    end

    it("who is called, by whom and where", function()
      local ctx = context([[{ ctx.request_id, ctx.arn, ctx.trace_id, ctx.tenant_id, ctx.function_name,
        ctx.function_version, ctx.memory_mb, ctx.client_context.custom.a, ctx.identity.cognitoIdentityId }]], {
          ["Lambda-Runtime-Invoked-Function-Arn"] = "arn:aws:lambda:x:1:function:f",
          ["Lambda-Runtime-Trace-Id"] = "Root=1-2-3", ["Lambda-Runtime-Aws-Tenant-Id"] = "tenant",
          ["Lambda-Runtime-Client-Context"] = '{"custom":{"a":1}}',
          ["Lambda-Runtime-Cognito-Identity"] = '{"cognitoIdentityId":"me"}',
        }, {
          AWS_LAMBDA_FUNCTION_NAME = "f", AWS_LAMBDA_FUNCTION_VERSION = "7", AWS_LAMBDA_FUNCTION_MEMORY_SIZE = "256",
        })
      assert.same({ "id-1", "arn:aws:lambda:x:1:function:f", "Root=1-2-3", "tenant", "f", "7", 256, 1, "me" },
        ctx)
    end)

    it("how much time is left", function()
      local ends = ("%d"):format((os.time() + 100) * 1000)
      local left = context("ctx:remaining_ms()", { ["Lambda-Runtime-Deadline-Ms"] = ends })
      assert.truthy(left > 90000 and left <= 100000)
    end)

    it("no deadline that is over when it begins", function()
      assert.equal("unknown", context("ctx.deadline or ctx:remaining_ms() or 'unknown'",
        { ["Lambda-Runtime-Deadline-Ms"] = "5000" }))
    end)

    it("nothing of what Lambda does not say", function()
      assert.same({}, context "{ ctx.arn or ctx.trace_id or os.getenv '_X_AMZN_TRACE_ID' or ctx.deadline }")
    end)

    it("the trace in the environment, for as long as the event lasts", function()
      local posts = run {
        event("1", { ["Lambda-Runtime-Trace-Id"] = "Root=1" }), ACCEPTED, event "2", ACCEPTED,
        handler = handler "return { os.getenv '_X_AMZN_TRACE_ID' or 'none' }",
      }:posts(2)
      assert.same({ '["Root=1"]', '["none"]' }, { posts[1].body, posts[2].body })
    end)
  end)

  it("has DynamoDB told of the trace, and a call end before the invocation", function()
    local dynamodb = server.start { { { "read" }, { "stall" } } }
    local report = failure {
      event("{}", {
        ["Lambda-Runtime-Deadline-Ms"] = ("%d"):format((os.time() + 4) * 1000),
        ["Lambda-Runtime-Trace-Id"] = "Root=1-2-3;Sampled=1",
      }),
      handler = [[
        local users = require("dynamodb").connect {}:table("users", { partition = "pk" })
        return { handler = function() return users:get { pk = "a" } end }]],
      env = {
        AWS_LAMBDA_FUNCTION_NAME = "f", AWS_REGION = "eu-west-1", AWS_ACCESS_KEY_ID = "a", AWS_SECRET_ACCESS_KEY = "b",
        AWS_ENDPOINT_URL_DYNAMODB = ("http://127.0.0.1:%d"):format(dynamodb.port),
      },
    }
    assert.equal("DeadlineExceeded", report.errorType)
    local request = dynamodb:requests()[1]
    assert.equal("Root=1-2-3;Sampled=1", header(request, "x-amzn-trace-id"))
    dynamodb:stop()
  end)

  it("maps neither libcrypto nor libcurl before they are wanted", function()
    local posts = run {
      event "1", ACCEPTED, event "2", ACCEPTED, handler = [[
        local function mapped()
          local seen = {}
          for line in io.lines "/proc/self/maps" do
            local name = line:match "/(lib[%a]+)[^/]*$"
            if name == "libcrypto" or name == "libssl" or name == "libcurl" then seen[name] = true end
          end
          return seen
        end
        return { handler = function(event)
          if event == 2 then
            require("dynamodb").connect { region = "eu-west-1", endpoint = "http://127.0.0.1:1", access_key_id = "a",
              secret_access_key = "b", retry = { max_attempts = 1 } }:call "ListTables"
          end
          return mapped()
        end }]],
    }:posts(2)
    assert.equal("{}", posts[1].body)
    assert.same({ libcrypto = true, libssl = true, libcurl = true }, core.json_decode(posts[2].body))
  end)

  it("does what was put off after the response and before the next event", function()
    local posts = run {
      event "1", ACCEPTED, event "2", ACCEPTED, handler = [[
        local done = {}
        return { handler = function(event, ctx)
          ctx:defer(function() done[#done + 1] = "a" error "of the deferred" end)
          ctx:defer(function() done[#done + 1] = "b" end)
          return table.concat(done)
        end }]],
    }:posts(2)
    assert.same({ '""', '"ab"' }, { posts[1].body, posts[2].body })
    assert.truthy(f:output():find("of the deferred", 1, true))
  end)

  it("writes what the handler prints, line by line", function()
    run { event "1", handler = handler "print 'printed'" }:posts(1)
    assert.truthy(process.await(60, function() return f:output():find("printed\n", 1, true) end))
  end)

  it("loads native modules of the function's package", function()
    assert(require "spec.support.posix") -- compiles it
    local file = assert(io.open("build/spec/5.4/posix.so", "rb"))
    local library = file:read "*a"
    file:close()
    local post = run {
      event "1", ACCEPTED, files = {
        ["app.lua"] = 'return { handler = function() return require("support.posix").now() > 0 end }',
        ["lib/support/posix.so"] = library,
      },
    }:posts(1)[1]
    assert.equal("true", post.body)
  end)
end)
