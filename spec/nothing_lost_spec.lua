--- Whole clients (db:batch, put_all, delete_all, get_all: their loops over retry, tasks and the batch engine) against a
--- model of DynamoDB on a virtual clock: what is reported as done is there, what is not is in the report, and the sums
--- are exact. SCALE=n tries n times as many schedules; a schedule follows from its number.
local dynamodb = require "dynamodb"
local fake = require "dynamodb.runtime.fake"
local generator = require "spec.support.batch_model".random
local model_server = require "spec.support.model_server"

local SCALE = (tonumber(os.getenv "SCALE") or 1) * (os.getenv "FLAVOUR" == "asan" and 1 / 100 or 1)
local SCHEDULES = math.ceil(10000 * SCALE)

local FAULTS = { "unsent", "drop_request", "drop_reply", "timeout", "truncate", "garble", "throughput", "throttle",
  "error_500", "error_503", "leftovers" }
local SPELLINGS = { "%d", "%d.0", "%d.00", "%de0" } -- of one number

local story_methods = {}
local story_mt = { __index = story_methods }

--- One schedule: its world, and what is known of it.
local function new_story(seed)
  local random = generator(seed)
  local self = setmetatable({ seed = seed, random = random }, story_mt)
  local faults, share = {}, self:chance(0.9) and random() * 0.5 or 0
  for _ = 1, 3 do faults[FAULTS[self:integer(#FAULTS)]] = share / 3 end
  self.model = model_server.new {
    seed = seed, tables = { t = { "pk", "sk" }, u = { "pk" } }, faults = faults, latency = { 0, random() * 0.2 },
    rejects = function(item) return item.poison ~= nil end,
  }
  self.runtime = fake.new { handler = self.model:handler() }
  self.db = dynamodb.connect {
    region = "local", access_key_id = "a", secret_access_key = "b", runtime = self.runtime,
    retry = { random = random },
  }
  self.tables = {
    t = self.db:table("t", { partition = "pk", sort = "sk" }), u = self.db:table("u", { partition = "pk" }),
  }
  return self
end

function story_methods:integer(most) return math.floor(self.random() * most) + 1 end

function story_methods:chance(share) return self.random() < share end

--- A key of few, so that they meet: the table's name, the key and the name that it is remembered by.
function story_methods:key(table_name, width)
  local pk, sk = "p" .. self:integer(width), self:integer(3)
  if table_name == "u" then return { pk = pk }, "u/" .. pk end
  local spelling = SPELLINGS[self:integer(#SPELLINGS)]:format(sk)
  return { pk = pk, sk = dynamodb.raw { N = spelling } }, ("t/%s/%d"):format(pk, sk)
end

local function name_of(table_name, item)
  if table_name == "u" then return "u/" .. item.pk end
  return ("t/%s/%d"):format(item.pk, item.sk)
end

local function typed_key(name)
  local pk, sk = name:match "^%a/(p%d+)/?(%d*)$"
  return name:sub(1, 1), { pk = { S = pk }, sk = sk ~= "" and { N = sk } or nil }
end

--- Remembers an operation that is about to be given: `number` marks what is put, false is a deletion.
function story_methods:note(name, number)
  local key = self.given[name]
  if not key then
    key = { before = #self.model:history(typed_key(name)) }
    self.given[name] = key
  end
  key[#key + 1] = number
  self.count = self.count + 1
end

function story_methods:item(key, number, poisoned)
  local item = { v = number, pad = ("x"):rep(self:integer(30)) }
  for name, value in pairs(key) do item[name] = value end
  if poisoned and self:chance(0.05) then item.poison = true end
  return item
end

function story_methods:options()
  local options = { concurrency = self:integer(6) }
  if self:chance(0.3) then options.timeout = self.random() * 5 end
  return options
end

function story_methods:writing_options()
  local options = self:options()
  options.max_failed = 1000
  if self:chance(0.1) then options.wcu = 5 + self.random() * 100 end
  if self:chance(0.2) then options.budget = 1000 + self:integer(4000) end
  return options
end

-- The ways to write: each gives the report, or nothing and the failure.
local ways = {}

--- Of several operations on a key, in two tables.
function ways.batch(self, poisoned)
  local count, raises, width = self:integer(30), self:chance(0.05) and self:integer(30), self:integer(20)
  return self.db:batch(function(b)
    for number = 1, count do
      if number == raises then error("no more", 0) end
      local table_name = self:chance(0.7) and "t" or "u"
      local key, name = self:key(table_name, width)
      local is_put = self:chance(0.75)
      self:note(name, is_put and number)
      if is_put then
        b:put(self.tables[table_name], self:item(key, number, poisoned))
      else
        b:delete(self.tables[table_name], key)
      end
    end
  end, self:writing_options())
end

--- Of one table, from an iterator.
local function all_of(self, give, options)
  local count, raises, given, width = self:integer(30), self:chance(0.05) and self:integer(30), 0, self:integer(30)
  local table_name = self:chance(0.7) and "t" or "u"
  return self.tables[table_name][options.method](self.tables[table_name], function()
    given = given + 1
    if given == raises then error("no more", 0) end
    if given > count then return nil end
    local key, name = self:key(table_name, width)
    self:note(name, options.method == "put_all" and given)
    return give(key, given)
  end, self:writing_options())
end

function ways.put_all(self, poisoned)
  return all_of(self, function(key, number) return self:item(key, number, poisoned) end, { method = "put_all" })
end

function ways.delete_all(self)
  return all_of(self, function(key) return key end, { method = "delete_all" })
end

--- What a history says was applied: the number of a put, false for a deletion.
local function applied(entry) return entry.item and tonumber(entry.item.v.N) end

--- Were operations of one key applied in their order, each any number of times or not at all?
local function in_order(key, history)
  local at = 1
  for i = key.before + 1, #history do
    while at <= #key and key[at] ~= applied(history[i]) do at = at + 1 end
    if at > #key then return false end
  end
  return true
end

local function same(entry, number)
  if entry.op == "delete" then return number == false end
  return entry.item.v == number
end

--- The report's account is exact, and what it does not name is in the tables as it was written last.
function story_methods:check_written(report, err)
  assert.equal(self.count, report.input, self.seed)
  assert.equal(report.input, report.done + report.failed + report.superseded + report.unprocessed, self.seed)
  assert.equal(report.failed, #report.failures, self.seed)
  assert.equal(report.unprocessed, #(report.leftovers or {}), self.seed)
  assert.equal(err == nil, report.failed + report.unprocessed == 0 and not self.raised, self.seed)
  local open = {}
  for _, list in ipairs { report.failures, report.leftovers or {} } do
    for _, entry in ipairs(list) do
      local name = name_of(entry.table, entry.item or entry.key)
      open[name] = open[name] or {}
      table.insert(open[name], entry)
    end
  end
  for name, entries in pairs(open) do
    assert.is_truthy(self.given[name], self.seed)
    for _, entry in ipairs(entries) do
      local known = false
      for _, number in ipairs(self.given[name]) do known = known or same(entry, number) end
      assert.is_true(known, self.seed)
    end
  end
  for name, key in pairs(self.given) do
    local history = self.model:history(typed_key(name))
    assert.is_true(in_order(key, history), self.seed)
    local last, told = key[#key], false
    for _, entry in ipairs(open[name] or {}) do told = told or same(entry, last) end
    local item = self.model:item(typed_key(name))
    if not told then assert.equal(last, item and tonumber(item.v.N) or false, self.seed) end
  end
  assert.equal(0, self.model.overlaps, self.seed)
end

function story_methods:write()
  local names = { "batch", "batch", "put_all", "delete_all" }
  self.given, self.count = {}, 0
  local report, err = ways[names[self:integer(#names)]](self, self:chance(0.1))
  if err then
    assert.equal("Incomplete", err.code)
    assert.is_nil(report)
    report = err.report
  end
  self.raised = err and err.cause == "no more"
  self:check_written(report, err)
  return report
end

--- Reads keys that are there and that are not, some of them twice.
function story_methods:read()
  local keys, names, width = {}, {}, self:integer(40)
  local table_name = self:chance(0.7) and "t" or "u"
  for i = 1, self:integer(40) do keys[i], names[i] = self:key(table_name, width) end
  local options = self:options()
  if self:chance(0.3) then options.attributes = { "v" } end
  local found, err, report = self.tables[table_name]:get_all(keys, options)
  if err then report, found = err.report, err.report.found end
  assert.equal(#keys, report.input, self.seed)
  assert.equal(report.input, report.done + report.failed + report.superseded + report.unprocessed, self.seed)
  assert.equal(0, report.failed + report.superseded, self.seed)
  local missing = 0
  for i, name in ipairs(names) do
    local item = self.model:item(typed_key(name))
    if found[i] == nil then
      missing = missing + 1
    else
      assert.equal(item and tonumber(item.v.N) or false, found[i] and found[i].v, self.seed)
    end
  end
  assert.equal(report.unprocessed, missing, self.seed)
  assert.equal(err == nil, missing == 0, self.seed)
  return report
end

describe("Schedules of bulk work", function()
  it("lose nothing: each item is as last written or in the report, and sums are exact", function()
    local total = setmetatable({}, { __index = function() return 0 end })
    local function add(fields)
      for name, value in pairs(fields) do
        if type(value) == "number" then total[name] = total[name] + value end
      end
    end
    for seed = 1, SCHEDULES do
      local story = new_story(seed)
      local begun = story.runtime:now()
      local written = story:write()
      add(written)
      local read = story:read()
      total.found = total.found + read.done
      total.deadline = total.deadline + (written.stopped == "deadline" and 1 or 0)
      add(story.model.counts)
      assert.is_true(story.runtime:now() - begun < 1200, seed)
    end
    -- It was worth it: all of it happened, and most of it was done.
    for _, name in ipairs(FAULTS) do assert.is_true(total[name] > 0, name) end
    local outcomes = { "failed", "superseded", "unprocessed", "deadline" }
    for _, name in ipairs(outcomes) do assert.is_true(total[name] > 0, name) end
    assert.is_true(total.done + total.superseded > total.input / 2)
  end)

  it("are the same again for the same number", function()
    local function tell(seed)
      local story = new_story(seed)
      local report = story:write()
      return ("%d %d %.9f %d"):format(report.done, report.requests, story.runtime:now(), story:read().requests)
    end
    for seed = 1, 20 do assert.equal(tell(seed), tell(seed)) end
  end)
end)
