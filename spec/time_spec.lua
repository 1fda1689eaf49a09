-- dynamodb.time: points in time as texts and as seconds.
local core = require "dynamodb.core"
local fake_client = require "spec.support.fake_client"
local generate = require "spec.support.generate"
local time = require("dynamodb").time

local message_of = fake_client.message_of

describe("time.iso", function()
  it("writes UTC to the millisecond", function()
    assert.equal("2026-11-27T23:25:01.123Z", time.iso(1795821901.123))
    assert.equal("1970-01-01T00:00:00.000Z", time.iso(0))
    assert.equal("1969-12-31T23:59:59.500Z", time.iso(-0.5))
    assert.equal("2000-02-29T12:00:00.000Z", time.iso(951825600))
    assert.equal("0000-01-01T00:00:00.000Z", time.iso(-62167219200))
    assert.equal("9999-12-31T23:59:59.999Z", time.iso(253402300799.999))
  end)

  it("carries a millisecond that is rounded up", function()
    assert.equal("2026-12-01T00:00:00.000Z", time.iso(1796083199.9996))
  end)

  it("agrees with the C library on each day of nine centuries", function()
    for day = -135140, 197000 do -- 1600 to 2509
      local seconds = day * 86400 + 86399
      assert(time.iso(seconds) == os.date("!%Y-%m-%dT%H:%M:%S.000Z", seconds), day)
    end
  end)

  it("takes now where no time is given", function()
    local before = os.time()
    local seconds = time.parse(time.iso())
    assert.is_true(seconds >= before and seconds <= os.time())
  end)

  it("takes a boxed number", function()
    assert.equal("2026-11-27T23:25:01.123Z", time.iso(core.unmarshal_value('{"N":"1795821901.123"}',
      { numbers = "exact" })))
  end)

  it("refuses what is no time", function()
    assert.matches("time.iso: the time must be a number of seconds, not x", message_of(time.iso, "x"), 1, true)
    assert.matches("time.iso: the time must be a number", message_of(time.iso, 0 / 0), 1, true)
    for _, seconds in ipairs { 253402300799.9997, -62167219201, 1795821901123, math.huge, -math.huge } do
      assert.matches("is outside of the years 0 to 9999", message_of(time.iso, seconds), 1, true)
    end
  end)
end)

describe("time.parse", function()
  it("reads what iso writes, to the same text", function()
    local generator = generate.new(20261127)
    for _ = 1, 20000 do
      local seconds = (generator:below(2147483646) - 600000000) * 100 + generator:below(999) / 1000
      local text = time.iso(seconds)
      local parsed = time.parse(text)
      assert(time.iso(parsed) == text and math.abs(parsed - seconds) < 0.001, text)
    end
  end)

  it("reads zones, fractions and small letters", function()
    assert.equal(1795821901, time.parse "2026-11-27T23:25:01Z")
    assert.equal(1795821901, time.parse "2026-11-28T00:25:01+01:00")
    assert.equal(1795821901, time.parse "2026-11-27T17:55:01-05:30")
    assert.equal(1795821901.5, time.parse "2026-11-27t23:25:01.5z")
    assert.equal(1795821901.25, time.parse "2026-11-27T23:25:01.250000000Z")
  end)

  it("gives a whole number as an integer, also with a fraction of zeros", function()
    assert.equal("1795821901", tostring(time.parse "2026-11-27T23:25:01.000Z"))
  end)

  it("checks the calendar and the clock", function()
    assert.equal(951782400, time.parse "2000-02-29T00:00:00Z")
    for text, problem in pairs {
      ["1900-02-29T00:00:00Z"] = "there is no day 1900-02-29",
      ["2026-02-29T00:00:00Z"] = "there is no day 2026-02-29",
      ["2026-04-31T00:00:00Z"] = "there is no day 2026-04-31",
      ["2026-00-01T00:00:00Z"] = "there is no day 2026-00-01",
      ["2026-13-01T00:00:00Z"] = "there is no day 2026-13-01",
      ["2026-01-00T00:00:00Z"] = "there is no day 2026-01-00",
      ["2026-01-01T24:00:00Z"] = "there is no time of day 24:00:00",
      ["2026-01-01T00:60:00Z"] = "there is no time of day 00:60:00",
      ["2026-01-01T00:00:60Z"] = "there is no time of day 00:00:60",
    } do
      local seconds, message = time.parse(text)
      assert.is_nil(seconds)
      assert.equal(problem, message)
    end
  end)

  it("returns what is wrong with anything else", function()
    for _, text in ipairs {
      "", "now", "2026-11-27", "2026-11-27T23:25:01", "2026-11-27 23:25:01Z", "2026-11-27T23:25Z",
      "2026-11-27T23:25:01.Z", "2026-11-27T23:25:015Z", "2026-11-27T23:25:01+0100", "2026-11-27T23:25:01+24:00",
      "2026-11-27T23:25:01+01:60", "2026-11-27T23:25:01Z ", " 2026-11-27T23:25:01Z", "+2026-11-27T23:25:01Z",
      "2026-11-27T23:25:01ZZ", "2026-11-27T23:25:01\0Z",
    } do
      local seconds, message = time.parse(text)
      assert.is_nil(seconds, text)
      assert.matches("is no time like", message, 1, true)
    end
    assert.same({ nil, "a time is a text, not a number" }, { time.parse(1795821901) })
    assert.same({ nil, "a time is a text, not a nil" }, { time.parse(nil) })
  end)
end)

describe("time.ttl", function()
  it("gives whole seconds, none too few", function()
    assert.equal("160", tostring(time.ttl(60, 100)))
    assert.equal("161", tostring(time.ttl(60, 100.5)))
    assert.equal("100", tostring(time.ttl(0, 100)))
  end)

  it("counts from now", function()
    local before = os.time()
    local value = time.ttl(3600)
    assert.is_true(value >= before + 3600 and value <= os.time() + 3600)
  end)

  it("refuses the past, points in time and milliseconds", function()
    assert.matches("time.ttl: -1 seconds from now is in the past", message_of(time.ttl, -1), 1, true)
    for _, value in ipairs { 1e9, 1795821901, 1795821901123, math.huge } do
      assert.matches("is it a point in time, or milliseconds?", message_of(time.ttl, value), 1, true)
    end
    for _, now in ipairs { 1795821901123, -1, "now" } do
      assert.matches("now must be in seconds since 1970", message_of(time.ttl, 60, now), 1, true)
    end
    assert.matches("a number of seconds from now is expected, not 60", message_of(time.ttl, "60"), 1, true)
  end)
end)

describe("time.expired", function()
  it("is true from the second on that the attribute names", function()
    assert.is_false(time.expired({ ttl = 160 }, "ttl", 159.9))
    assert.is_true(time.expired({ ttl = 160 }, "ttl", 160))
    assert.is_true(time.expired(160, nil, 161))
    assert.is_false(time.expired(160, nil, 159))
  end)

  it("takes boxed numbers", function()
    local boxed = core.unmarshal_value('{"N":"160"}', { numbers = "exact" })
    assert.is_true(time.expired({ ttl = boxed }, "ttl", 160))
    assert.is_false(time.expired(boxed, nil, 159))
  end)

  it("compares with now", function()
    assert.is_true(time.expired(os.time() - 1))
    assert.is_false(time.expired(os.time() + 3600))
  end)

  it("is false where there is no number, as DynamoDB sees it", function()
    assert.is_false(time.expired({}, "ttl", 160))
    assert.is_false(time.expired({ ttl = "1" }, "ttl", 160))
    assert.is_false(time.expired(nil))
  end)

  it("refuses an item without the name of its attribute, and a name without an item", function()
    assert.matches("time.expired: the name of the TTL attribute must be a string, not nil",
      message_of(time.expired, { ttl = 1 }), 1, true)
    assert.matches("time.expired: an attribute is of an item, not of a number", message_of(time.expired, 1, "ttl"), 1,
      true)
  end)
end)
