-- dynamodb.nginx.handler: what a handler raises becomes a line in the log and a status.
local nginx = require "spec.support.nginx"

local HANDLERS = {
  fine = "ngx.say('done ', ...)",
  text = "error 'out of luck'",
  table = "error { anything = true }",
  failure = "error(failure('ValidationException', 400))",
  throttled = "error(failure('ThrottlingException', 400))",
  late = "error(failure('DeadlineExceeded'))",
  unreachable = "error(failure('ConnectionError'))",
  begun = "ngx.print('beginning') ngx.flush(true) error(failure('ConnectionError'))",
  exits = "ngx.exit(403)",
}

describe("dynamodb.nginx.handler", function()
  if not nginx.is_there() then
    return it("needs nginx", function() pending "libnginx-mod-http-lua is not installed" end)
  end
  local self

  setup(function()
    local locations = {}
    for name, code in pairs(HANDLERS) do
      locations[#locations + 1] = ("location /%s { content_by_lua_block { handle(function(...) %s end)('well') } }")
        :format(name, code)
    end
    self = nginx.start {
      http = [[
        init_by_lua_block {
          handle = require("dynamodb.nginx").handler
          function failure(code, status)
            local errors = require "dynamodb.error"
            return errors.new { code = code, status = status, message = "as told", operation = "GetItem" }
          end
        }
      ]],
      server = table.concat(locations, "\n") .. [[
        location /nothing { content_by_lua_block {
          ngx.say((select(2, pcall(handle, fine)):gsub("^content_by_lua%S+ ", "")))
        } }
        location /access { access_by_lua_block { handle(function() error(failure("Timeout")) end)() } }
        location /timer { content_by_lua_block {
          ngx.timer.at(0, handle(function(premature, what) error(what) end), "raised in a timer")
          ngx.say "begun"
        } }
        location /log { content_by_lua_block { ngx.say "answered" } log_by_lua_block {
          handle(function() error(failure("ConnectionError")) end)()
        } }
      ]],
    }
  end)

  teardown(function() self:stop() end)

  it("passes arguments, and leaves a handler alone that raises nothing or ends the request itself", function()
    assert.equal("done well\n", select(2, self:get "/fine"))
    assert.equal(403, (self:get "/exits"))
  end)

  local statuses = {
    text = 500, table = 500, failure = 500, throttled = 503, late = 504, unreachable = 502, access = 504,
  }
  for name, status in pairs(statuses) do
    it(("answers %d for what /%s raises"):format(status, name), function()
      assert.equal(status, (self:get("/" .. name)))
    end)
  end

  it("refuses at once what is no function", function()
    assert.equal("the function of handler must be a function, not nil\n", select(2, self:get "/nothing"))
  end)

  it("logs what was raised, and where", function()
    self:get "/late"
    assert.truthy(self:await_log "DeadlineExceeded: as told %(GetItem%)\nstack traceback:\n.-content_by_lua")
    self:get "/text"
    assert.truthy(self:await_log "content_by_lua%(nginx.conf:%d+%):1: out of luck\nstack traceback:")
    assert.is_nil(self:log():find "unknown reason")
  end)

  it("ends a response that has begun, so that nobody takes it for whole", function()
    local connection = self:connect "GET /begun HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    local status, body = nginx.answer(connection)
    assert.equal(200, status)
    assert.matches("beginning", body)
    assert.is_nil(body:find("\r\n0\r\n", 1, true)) -- the last chunk
  end)

  it("logs where there is nobody to answer", function()
    assert.equal(200, (self:get "/log"))
    assert.truthy(self:await_log "ConnectionError: as told .-while logging request")
    assert.equal(200, (self:get "/timer"))
    assert.truthy(self:await_log "raised in a timer")
  end)
end)
