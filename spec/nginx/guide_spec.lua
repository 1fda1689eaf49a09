-- The nginx configuration in docs/guide.md, started as it stands but for what is different here: addresses and names.
local core = require "dynamodb.core"
local engine = require "spec.support.engine"
local nginx = require "spec.support.nginx"
local process = require "spec.support.process"
local tls = require "spec.support.tls"

describe("the nginx configuration in docs/guide.md", function()
  if not engine.endpoint or not nginx.is_there() then
    return it("needs an engine and nginx", function()
      pending "no engine, or no nginx: run through tools/engine.sh, with libnginx-mod-http-lua"
    end)
  end
  local db, names, self = nil, {}, nil

  --- Its two blocks, with the tables of this run.
  local function blocks()
    local text = process.read "docs/guide.md"
    local list = {}
    for block in text:gmatch "```nginx\n(.-)```" do list[#list + 1] = block end
    local requests = ('db:table("%s", { partition = "pk" })'):format(names.requests)
    return (list[1]:gsub('"users"', ("%q"):format(names.users))), (list[2]:gsub("requests:put", requests .. ":put"))
  end

  setup(function()
    db = engine.connect()
    for _, name in ipairs { "users", "requests" } do names[name] = engine.create_table(db, { "pk:S" }) end
    local whole, log = blocks()
    local main, http, server = whole:match "^(.-)http {(.-)  server {(.*)  }\n}\n$"
    self = nginx.start {
      main = main .. nginx.pass "AWS_ENDPOINT_URL",
      http = http:gsub("/etc/ssl/certs/ca%-certificates.crt", tls.authority()),
      server = server .. log,
      env = { AWS_ENDPOINT_URL = engine.endpoint, AWS_ACCESS_KEY_ID = os.getenv "AWS_ACCESS_KEY_ID" or "spec",
        AWS_SECRET_ACCESS_KEY = os.getenv "AWS_SECRET_ACCESS_KEY" or "spec" },
    }
  end)

  teardown(function()
    if self then self:stop() end
    for _, name in pairs(names) do engine.drop_table(db, name) end
    db:close()
  end)

  it("answers with an item, and with a status where there is none", function()
    local id = core.uuid()
    assert(db:table(names.users, { partition = "pk" }):put { pk = "USER#" .. id, name = "Ada" })
    local status, body, head = self:get("/user?id=" .. id)
    assert.equal(200, status)
    assert.matches('"name":"Ada"', body)
    assert.matches("application/json", head)
    assert.equal(404, (self:get "/user?id=nobody"))
  end)

  it("writes from the log phase, in a timer", function()
    self:get "/user?id=nobody"
    assert.truthy(process.await(60, function()
      return db:table(names.requests, { partition = "pk" }):scan():first()
    end))
  end)
end)
