-- The consumer of docs/guide.md in nginx's workers, as it stands but for the names of its tables: it follows a real
-- stream from a timer, and the workers hand it over when nginx begins anew and take it over when one dies.
local core = require "dynamodb.core"
local engine = require "spec.support.engine"
local nginx = require "spec.support.nginx"
local posix = require "spec.support.posix"
local process = require "spec.support.process"

local SIGKILL = 9
local PATIENCE = 60 -- seconds

describe("a consumer in nginx's workers", function()
  if not engine.endpoint or not nginx.is_there() then
    return it("needs an engine and nginx", function()
      pending "no engine, or no nginx: run through tools/engine.sh, with libnginx-mod-http-lua"
    end)
  elseif engine.name == "dynalite" then
    return it("works", function() pending "dynalite has no streams" end)
  end

  local db, names, orders, totals, self

  -- The guide's block, with the tables of this run and a lease of so many seconds.
  local function block(lease)
    local text
    for each in process.read("docs/guide.md"):gmatch "```nginx\n(.-)```" do
      if each:find("consume", 1, true) then text = each end
    end
    for name, own in pairs(names) do
      local count
      text, count = text:gsub(('"%s"'):format(name), ("%q"):format(own))
      assert.equal(1, count)
    end
    return (text:gsub("stop = ", ("lease = %g, poll = 0.05, %%0"):format(lease)))
  end

  local function start(lease)
    self = nginx.start {
      workers = 2,
      main = nginx.pass("AWS_ENDPOINT_URL", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"),
      http = ('init_by_lua_block { db = require("dynamodb").connect { region = %q } } %s'):format(
        os.getenv "AWS_REGION" or "us-east-1", block(lease)),
      env = { AWS_ENDPOINT_URL = engine.endpoint, AWS_ACCESS_KEY_ID = os.getenv "AWS_ACCESS_KEY_ID" or "spec",
        AWS_SECRET_ACCESS_KEY = os.getenv "AWS_SECRET_ACCESS_KEY" or "spec" },
    }
  end

  before_each(function()
    db = engine.connect()
    names = {}
    for _, name in ipairs { "orders", "totals", "followers" } do names[name] = engine.prefix .. core.uuid() end
    orders = assert(db:create_table { name = names.orders, partition = "pk", stream = "NEW_AND_OLD_IMAGES" })
    totals = assert(db:create_table { name = names.totals, partition = "pk" })
  end)

  after_each(function()
    if self then self:stop() end
    self = nil
    for _, name in pairs(names) do engine.drop_table(db, name) end
    db:close()
  end)

  local function write(n)
    for _ = 1, n do assert(orders:update({ pk = "a" }, { add = { n = 1 } })) end
  end

  -- How many changes were counted, once it is this many or time is up.
  local function counted(expected)
    local count
    process.await(PATIENCE, function()
      count = (totals:get({ pk = "a" }, { consistent = true }) or {}).changes
      return count == expected
    end)
    return count
  end

  -- Who has the shards: of a stream with one, its consumer.
  local function owner()
    local lease = assert(db:table(names.followers, { partition = "leaseKey" }):scan({ consistent = true }):all())[1]
    return lease and lease.leaseOwner
  end

  local function are_gone(pids)
    return true == process.await(PATIENCE, function()
      local now = table.concat(self:workers(), " ") .. " "
      for _, pid in ipairs(pids) do
        if now:find(pid .. " ", 1, true) then return false end
      end
      return true
    end)
  end

  it("handles what comes", function()
    start(10)
    write(12)
    assert.equal(12, counted(12))
    assert.equal("", self:log())
  end)

  it("goes on in new workers when nginx begins anew, counts nothing twice and leaves no lease to expire", function()
    start(30) -- nobody takes before that what was left behind
    write(3)
    assert.equal(3, counted(3))
    for round = 1, 3 do
      local before, workers = owner(), self:workers()
      self:reload()
      write(5)
      assert.is_true(are_gone(workers))
      assert.is_true(owner() ~= before)
      assert.equal(3 + round * 5, counted(3 + round * 5))
    end
    assert.equal("", self:log())
  end)

  it("is taken over when a worker is killed", function()
    start(1)
    write(3)
    assert.equal(3, counted(3))
    local workers = self:workers()
    for _, pid in ipairs(workers) do posix.kill(pid, SIGKILL) end
    write(5)
    assert.is_true(are_gone(workers))
    assert.equal(8, counted(8))
  end)

  it("says in the log why it ends", function()
    engine.drop_table(db, names.followers)
    local other = assert(db:create_table { name = names.followers, partition = "pk" })
    start(10)
    assert.matches("LeaseTableError: " .. other.name:gsub("%-", "%%-") .. " is no lease table",
      self:await_log "LeaseTableError[^\n]*")
  end)
end)
