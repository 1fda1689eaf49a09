-- How a job goes: the line of a terminal, and the lines for programs.
local core = require "dynamodb.core"
local progress = require "dynamodb.cli.support.progress"

-- A stream that keeps what is written.
local function sink()
  local stream = { text = "" }
  function stream:write(...)
    for _, part in ipairs { ... } do self.text = self.text .. part end
  end
  return stream
end

local function state(more)
  local p = {
    kind = "migrate", phase = "migrating", done = 12345, total = 40000, elapsed = 10, rate = 1234.4, eta = 22.4,
    read = 450, written = 880, rcu = 100, wcu = 100, throttles = 3, counts = { seen = 12345 },
  }
  for name, value in pairs(more or {}) do p[name] = value end
  return p
end

describe("the line of a terminal", function()
  it("tells how much is done, how fast, the capacity against the caps, throttling and the time left", function()
    assert.equal("migrating  12,345 of 40,000 (30%)  1,234/s  45/100 RCU  88/100 WCU  3 throttled  ETA 0:23",
      progress.line(state()))
  end)

  it("leaves out what is not known", function()
    local p = state { throttles = 0, read = 0 }
    p.eta, p.total, p.rcu, p.wcu, p.phase = nil, nil, nil, nil, nil
    assert.equal("migrate  12,345  1,234/s  88 WCU", progress.line(p))
  end)

  it("tells no part of a total that is too old", function()
    assert.matches("migrating  50,000  1,234/s", progress.line(state { done = 50000 }), 1, true)
  end)

  it("tells a cap that is a fraction", function()
    assert.matches("  88/0.5 WCU  ", progress.line(state { wcu = 0.5 }), 1, true)
  end)

  it("tells how long requests under way have when it is to stop", function()
    assert.matches("^stopping, 3 s for requests under way  12,345 of", progress.line(state { stopping = 2.7 }))
  end)

  it("tells hours", function()
    assert.matches("ETA 2:03:04", progress.line(state { eta = 7384 }), 1, true)
  end)
end)

describe("progress", function()
  it("is written over on a terminal, and no wider than that", function()
    local stream = sink()
    local display = progress.new { columns = 20, stream = stream }
    display:show(state { elapsed = 1 })
    display:show(state { elapsed = 2 })
    display:finish()
    assert.equal(("\rmigrating  12,345 o\27[K"):rep(2) .. "\n", stream.text)
  end)

  it("fits a window that is made smaller meanwhile", function()
    local stream, width = sink(), 30
    local display = progress.new { columns = 30, stream = stream, measure = function() return width end }
    display:show(state { elapsed = 1 })
    width = 12
    display:show(state { elapsed = 2 })
    assert.equal("\rmigrating  12,345 of 40,000 (\27[K\rmigrating  \27[K", stream.text)
  end)

  it("is told once a second elsewhere, and at the end", function()
    local stream = sink()
    local display = progress.new { stream = stream }
    for _, elapsed in ipairs { 0, 0.5, 1.25, 1.5, 2 } do display:show(state { elapsed = elapsed, rate = 1 / 3 }) end
    display:finish()
    local times = {}
    for line in stream.text:gmatch "[^\n]+" do times[#times + 1] = assert(core.json_decode(line)).elapsed end
    assert.same({ 0, 1.25, 2 }, times)
  end)

  it("tells programs all but the estimate", function()
    local told = assert(core.json_decode(progress.json(state { estimate = { items = 1 }, rate = 1 / 3 })))
    assert.same({ 0.333, 12345, 3 }, { told.rate, told.counts.seen, told.throttles })
    assert.is_nil(told.estimate)
  end)

  it("makes room for a message", function()
    local stream = sink()
    local display = progress.new { columns = 80, stream = stream }
    display:show(state())
    display:pause()
    display:finish()
    assert.matches("\27%[K\r\27%[K$", stream.text)
  end)

  it("can be quiet", function()
    local stream = sink()
    local display = progress.new { columns = 80, stream = stream, quiet = true }
    display:show(state())
    display:finish()
    assert.equal("", stream.text)
  end)
end)
