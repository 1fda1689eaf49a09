-- gzip and MD5 in pieces, as files of any length need them.
local core = require "dynamodb.core"

local function hex(bytes)
  return (bytes:gsub(".", function(byte) return ("%02x"):format(byte:byte()) end))
end

describe("core.deflater and core.inflater", function()
  it("give back what went in, over several members", function()
    local deflater, parts = core.deflater(), {}
    for i = 1, 500 do
      parts[#parts + 1] = deflater:write(("line %d\n"):format(i))
      if i % 200 == 0 then parts[#parts + 1] = deflater:finish() end
    end
    parts[#parts + 1] = deflater:finish()
    local inflater, lines = core.inflater(), {}
    local bytes = table.concat(parts)
    for at = 1, #bytes, 11 do lines[#lines + 1] = assert(inflater:read(bytes:sub(at, at + 10))) end
    assert.is_false(inflater:inside())
    local text = table.concat(lines)
    assert.matches("^line 1\nline 2\n", text)
    assert.equal(500, select(2, text:gsub("\n", "")))
  end)

  it("tell a member that does not end", function()
    local deflater = core.deflater()
    local bytes = deflater:write(("x"):rep(10000)) .. deflater:finish()
    local inflater = core.inflater()
    assert.is_truthy(inflater:read(bytes:sub(1, #bytes - 1)))
    assert.is_true(inflater:inside())
  end)

  it("refuse what is not gzip", function()
    local none, message = core.inflater():read "this is plain text"
    assert.is_nil(none)
    assert.equal("not gzip, or damaged", message)
  end)

  it("cannot be used when they are closed", function()
    local deflater, inflater = core.deflater(), core.inflater()
    deflater:close()
    inflater:close()
    deflater:close()
    assert.has_error(function() deflater:write "x" end, "the deflater is closed")
    assert.has_error(function() inflater:read "x" end, "the inflater is closed")
  end)
end)

describe("core.md5_stream", function()
  it("is MD5, in whatever pieces the bytes come", function()
    -- Source: RFC 1321, A.5.
    assert.equal("d41d8cd98f00b204e9800998ecf8427e", hex(core.md5_stream():finish()))
    assert.equal("c3fcd3d76192e4007dfb496cca67e13b",
      hex(core.md5_stream():update("abcdefgh"):update("ijklmnopqrstuvwxyz"):finish()))
  end)

  it("cannot go on when it is finished", function()
    local md5 = core.md5_stream()
    md5:finish()
    assert.has_error(function() md5:update "x" end, "the md5 is finished")
  end)
end)
