-- Lines of CloudWatch's embedded metric format.
local capture = require "spec.support.capture"
local core = require "dynamodb.core"
local metrics = require "dynamodb.lambda.metrics"
local fake_client = require "spec.support.fake_client"
local process = require "spec.support.process"

local message_of = fake_client.message_of

-- Metrics that write into a list of decoded lines.
local function new(options)
  local lines = {}
  local all = { namespace = "Shop", clock = function() return 1795821901.25 end }
  all.write = function(line)
    assert(not line:find "\n", "more than one line")
    lines[#lines + 1] = core.json_decode(line)
  end
  for name, value in pairs(options or {}) do all[name] = value end
  return metrics.new(all), lines
end

describe("metrics", function()
  it("are one line with namespace, dimensions, units and values", function()
    local m, lines = new { dimensions = { service = "orders" } }
    m:add("Orders", 1, "Count"):add("Latency", 12.5, "Milliseconds", 1):dimension { stage = "prod" }
    m:property("requestId", "r1"):flush()
    assert.equal(1, #lines)
    assert.same({
      service = "orders", stage = "prod", requestId = "r1", Orders = 1, Latency = 12.5,
      _aws = { Timestamp = 1795821901250, CloudWatchMetrics = { {
        Namespace = "Shop", Dimensions = { { "service", "stage" } },
        Metrics = { { Name = "Orders", Unit = "Count" },
          { Name = "Latency", Unit = "Milliseconds", StorageResolution = 1 } },
      } } },
    }, lines[1])
  end)

  it("begin anew after a flush, with their own dimensions", function()
    local m, lines = new { dimensions = { service = "orders" } }
    m:add("A", 1):dimension({ stage = "prod" }):property("p", 1):flush()
    m:add("B", 2):flush()
    assert.same({ "service" }, lines[2]._aws.CloudWatchMetrics[1].Dimensions[1])
    assert.is_nil(lines[2].A or lines[2].p or lines[2].stage)
    m:flush()
    assert.equal(2, #lines)
  end)

  it("have no dimensions if none are given: still a list of one list", function()
    local text
    local m = metrics.new { namespace = "N", write = function(line) text = line end }
    m:add("A", 1):flush()
    assert.matches('"Dimensions":[[]]', text, 1, true)
  end)

  it("keep several values of a name together", function()
    local m, lines = new()
    m:add("A", 1, "Count"):add("A", 2, "Count"):flush()
    assert.same({ 1, 2 }, { lines[1].A[1], lines[1].A[2] })
    assert.equal(1, #lines[1]._aws.CloudWatchMetrics[1].Metrics)
  end)

  it("are split into lines of 100 metrics", function()
    local m, lines = new { dimensions = { service = "orders" } }
    for i = 1, 205 do m:add(("m%03d"):format(i), i) end
    m:flush()
    local counts = {}
    for i, line in ipairs(lines) do counts[i] = #line._aws.CloudWatchMetrics[1].Metrics end
    assert.same({ 100, 100, 5 }, counts)
    assert.same({ "orders", 205 }, { lines[3].service, lines[3].m205 })
  end)

  it("are split into lines of 100 values", function()
    local m, lines = new()
    m:add("once", 1)
    for i = 1, 205 do m:add("many", i) end
    m:flush()
    assert.same({ 3, 100, 100, 5, 205 }, { #lines, #lines[1].many, #lines[2].many, #lines[3].many, lines[3].many[5] })
    assert.same({ 1, nil, nil }, { lines[1].once, lines[2].once, lines[3].once })
  end)

  it("are written when a handler ends, and when it raises", function()
    local m, lines = new()
    local handler = m:wrap(function(event)
      m:add("Work", event.n, "Count")
      if event.n == 2 then error("bad", 0) end
      return { done = event.n }
    end)
    assert.same({ done = 1 }, handler({ n = 1 }, { request_id = "r1" }))
    assert.equal("bad", message_of(handler, { n = 2 }, { request_id = "r2" }))
    assert.same({ 1, 1, "r1" }, { lines[1].Work, lines[1].ColdStart, lines[1].requestId })
    assert.same({ 2, "r2" }, { lines[2].Work, lines[2].requestId })
    assert.is_nil(lines[2].ColdStart)
  end)

  it("hand on the error that a handler returns after nil", function()
    local m = new()
    local result, err = m:wrap(function() return nil, "no card" end)({}, {})
    assert.is_nil(result)
    assert.equal("no card", err)
  end)

  it("go to standard output by default", function()
    local m = metrics.new { namespace = "N" }
    m:add("A", 1)
    local text = capture("stdout", m.flush, m)
    assert.matches('^{.*"A":1.*}\n$', text)
  end)

  it("of several processes with one log have a line each, however long", function()
    local path = process.temporary()
    local file = assert(io.open(path, "w"))
    file:write [[
      local metrics, system = require "dynamodb.lambda.metrics", require "dynamodb.system"
      system.watch(true)
      system.take_turns()
      for _ = 1, 3 do
        if system.fork() == 0 then
          local m = metrics.new { namespace = "N", dimensions = { long = ("d"):rep(1000) } }
          for _ = 1, 300 do
            for i = 1, 100 do m:add(("Metric%d"):format(i) .. ("x"):rep(100), i) end
            m:flush()
          end
          os.exit(0)
        end
      end
      for _ = 1, 3 do system.wait() end]]
    file:close()
    local pipe = io.popen(("LUA_CPATH='%s' LUA_PATH='%s' %s %s"):format(package.cpath, package.path, process.lua, path))
    local count = 0
    for line in pipe:lines() do
      assert.is_table((core.json_decode(line)), "a line is mixed with another one")
      count = count + 1
    end
    pipe:close()
    assert.equal(900, count)
  end)

  it("refuse what JSON cannot hold when it is added, not when they are written", function()
    local m, lines = new()
    assert.matches("property p cannot be JSON", message_of(m.property, m, "p", "\255"))
    assert.matches("property p cannot be JSON", message_of(m.property, m, "p", print))
    assert.matches("dimension d cannot be JSON", message_of(m.dimension, m, { d = "\255" }))
    assert.matches("the name of a metric cannot be JSON", message_of(m.add, m, "\255", 1))
    m:add("A", 1):flush()
    assert.equal(1, lines[1].A)
  end)

  it("refuse what CloudWatch would not take", function()
    local m = new { dimensions = { service = "orders" } }
    assert.matches("must be a finite number", message_of(m.add, m, "A", 0 / 0))
    assert.matches("must be a finite number", message_of(m.add, m, "A", "1"))
    assert.matches('did you mean "Count"', message_of(m.add, m, "A", 1, "Counts"))
    assert.matches("there is no unit", message_of(m.add, m, "A", 1, "Bananas"))
    assert.matches("1 or 60 seconds", message_of(m.add, m, "A", 1, "Count", 5))
    assert.matches("text of 1 to 1024 bytes", message_of(m.add, m, " ", 1))
    assert.matches("is a dimension already", message_of(m.add, m, "service", 1))
    m:add("A", 1, "Count")
    assert.matches("has the unit Count already", message_of(m.add, m, "A", 1, "Bytes"))
    assert.matches("is a metric already", message_of(m.dimension, m, { A = "x" }))
    assert.matches("must be a text", message_of(m.dimension, m, { x = "" }))
    local many = {}
    for i = 1, 30 do many["d" .. i] = "x" end
    assert.matches("more than 30 dimensions", message_of(m.dimension, m, many))
    assert.matches("namespace", message_of(metrics.new, {}))
  end)
end)
