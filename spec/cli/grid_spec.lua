-- Columns of text for people.
local dynamodb = require "dynamodb"
local grid = require "dynamodb.cli.support.grid"

describe("a grid", function()
  it("counts characters, not bytes", function()
    assert.equal("ä  b\nc  d\n", grid.rows { { "ä", "b" }, { "c", "d" } })
  end)

  it("counts the columns of a terminal that characters take", function()
    assert.equal("日本  b\nabcd  d\n", grid.rows { { "日本", "b" }, { "abcd", "d" } })
    assert.equal("😀  b\ne\204\129   d\n", grid.rows { { "😀", "b" }, { "e\204\129", "d" } })
    assert.equal("🚀  b\nab  d\n", grid.rows { { "🚀", "b" }, { "ab", "d" } })
    assert.equal("日...\n", grid.rows({ { "日本語" } }, 5))
    assert.equal("日...\n", grid.rows({ { "日本語語" } }, 6))
  end)

  it("cuts what is too long where a character ends", function()
    assert.equal("äöü...\n", grid.rows({ { "äöüßäöüß" } }, 6))
    assert.equal("äöüßäö\n", grid.rows({ { "äöüßäö" } }, 6))
  end)

  it("shows texts as they are, and escapes what moves a terminal", function()
    assert.equal("plain", grid.cell "plain")
    assert.equal("a\\x1b[2Jb\\nc\\td\\xff", grid.cell "a\27[2Jb\nc\td\255")
  end)

  it("shows other values as JSON", function()
    assert.equal('{"a":[1,"x"],"b":true}', grid.cell { b = true, a = dynamodb.list { 1, "x" } })
    assert.equal("null", grid.cell(dynamodb.null))
    assert.equal("", grid.cell(nil))
  end)

  it("puts keys first and leaves out what no item has", function()
    assert.equal("pk  a\nx   1\ny\n", grid.items({ { pk = "x", a = 1 }, { pk = "y" } }, { "pk", "sk" }))
  end)
end)
