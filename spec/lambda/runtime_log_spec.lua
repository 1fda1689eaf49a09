-- What a function writes to its log, as Lambda is going to read it.
local core = require "dynamodb.core"
local process = require "spec.support.process"
local runtime_api = require "spec.support.runtime_api"

local ACCEPTED, event = runtime_api.ACCEPTED, runtime_api.event

local JSON = { AWS_LAMBDA_LOG_FORMAT = "JSON" }

describe("The log of a function", function()
  local f

  -- Its lines.
  local function log(body, env, headers)
    f = runtime_api.run {
      event("1", headers), ACCEPTED, handler = "return { handler = function(_, ctx) " .. body .. " end }", env = env,
    }
    f:posts(2, "GET")
    local lines = {}
    for line in f:output():gmatch "[^\n]+" do lines[#lines + 1] = line end
    return lines
  end

  after_each(function() f:stop() end)

  it("has level, time, request id, message and fields", function()
    local lines = log "ctx.log:warn('low', { stock = 3, item = 'nut' })"
    assert.truthy(lines[1]:find "^%[WARN%]\t20%d%d%-%d%d%-%d%dT%d%d:%d%d:%d%d%.%d%d%dZ\tid%-1\tlow\titem=nut\tstock=3$")
  end)

  it("has the fields of a list", function()
    assert.truthy(log "ctx.log:info('m', { 'a', 7 })"[1]:find "\tm\t1=a\t2=7$")
  end)

  it("is JSON where the function is configured for it", function()
    local lines = log("ctx.log:info('paid', { order = { id = 7 }, level = 'none' })", JSON,
      { ["Lambda-Runtime-Aws-Tenant-Id"] = "t1" })
    local record = core.json_decode(lines[1])
    assert.truthy(record.timestamp:find "^20%d%d%-%d%d%-%d%dT%d%d:%d%d:%d%d%.%d%d%dZ$")
    record.timestamp = nil
    assert.same({ level = "INFO", message = "paid", requestId = "id-1", tenantId = "t1", order = { id = 7 } }, record)
  end)

  it("takes a table as the message", function()
    local lines = log("ctx.log:info { a = 1 }", JSON)
    assert.same({ a = 1 }, core.json_decode(lines[1]).message)
  end)

  it("shows what JSON cannot hold as text", function()
    local lines = log("ctx.log:info('a\\255b', { f = print })", JSON)
    local record = core.json_decode(lines[1])
    assert.equal("a\\xffb", record.message)
    assert.truthy(record.f:find "^function: ")
  end)

  it("has an error of the library's as it reads, without the item that it may hold", function()
    for _, env in ipairs { {}, JSON } do
      local lines = log([[
        local err = require("dynamodb.error").new { code = "Refused", message = "no", item = { a = "secret" } }
        ctx.log:warn(err) ctx.log:warn("failed", { err = err })]], env)
      for i = 1, 2 do
        assert.matches("Refused: no", lines[i], 1, true)
        assert.is_nil(lines[i]:find("secret", 1, true))
      end
      f:stop()
    end
  end)

  it("keeps an event on one line", function()
    assert.truthy(log("ctx.log:info 'a\\nb'")[1]:find "a\rb$")
  end)

  it("leaves out what is below the level of the function", function()
    local lines = log([[for _, name in ipairs { 'trace', 'debug', 'info', 'warn', 'error', 'fatal' } do
      ctx.log[name](ctx.log, name) end]], { AWS_LAMBDA_LOG_LEVEL = "WARN" })
    assert.equal(3, #lines)
    assert.truthy(lines[1]:find "warn$")
  end)

  it("leaves out what is below INFO where no level is configured", function()
    assert.same({}, log "ctx.log:debug 'x'")
  end)

  it("has an error of the handler as JSON, its stack included", function()
    local record = core.json_decode(log("error { type = 'Broken', message = 'no' }", JSON)[1])
    assert.same({ "ERROR", "Broken", "no", "id-1" },
      { record.level, record.errorType, record.errorMessage, record.requestId })
    assert.truthy(record.stackTrace[1]:find("app.lua:1: in ", 1, true))
  end)

  it("keeps the order of what is printed and what is logged", function()
    local lines = log "print 'first' ctx.log:info 'second' io.write 'third\\n'"
    assert.same({ "first", "third" }, { lines[1], lines[3] })
  end)

  it("goes to the descriptor that Lambda names, in frames", function()
    local file = process.temporary()
    f = runtime_api.run {
      event "1", ACCEPTED, handler = "return { handler = function(_, ctx) ctx.log:error 'a\\nb' end }",
      command = { "sh", "-c", ("exec %s 9> %s"):format(runtime_api.BOOTSTRAP, file) },
      env = { _LAMBDA_TELEMETRY_LOG_FD = "9" },
    }
    f:posts(2, "GET")
    local frame = process.read(file)
    assert.equal("\165\90\0\23", frame:sub(1, 4)) -- plain text, with a time, of level ERROR
    local size = frame:byte(7) * 256 + frame:byte(8)
    assert.equal(#frame - 16, size)
    local micros = 0
    for i = 9, 16 do micros = micros * 256 + frame:byte(i) end
    assert.truthy(math.abs(micros / 1e6 - os.time()) < 1000)
    assert.truthy(frame:find "\tid%-1\ta\nb$")
  end)
end)
