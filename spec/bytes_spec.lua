local core = require "dynamodb.core"
local fresh = require "spec.support.fresh"
local gzip = require "spec.support.gzip"
local vectors = require "spec.support.vectors"

describe("core.crc32", function()
  local data = vectors.json "crc32.json"
  if not data then pending("crc32.json: vectors absent") end

  for _, case in ipairs(data and data.cases or {}) do
    it("is that of the vector: " .. case.name, function()
      local body = assert(core.unbase64(case.body_base64))
      local zipped = assert(core.unbase64(case.gzip_base64))
      assert.are.equal(case.crc32, core.crc32(body))
      assert.are.equal(case.crc32_of_gzip_bytes, core.crc32(zipped))
      assert.are.equal(body, core.gunzip(zipped, #body))
    end)
  end

  it("is an integer that prints as the header does", function()
    assert.are.equal("2335643545", ("%d"):format(core.crc32 '{"TableNames":["Test"]}'))
    assert.are.equal("2335643545", tostring(core.crc32 '{"TableNames":["Test"]}'))
    assert.are.equal(0, core.crc32 "")
    assert.are.equal(3421780262, core.crc32 "123456789")
  end)
end)

describe("core.md5", function()
  it("is that of RFC 1321, A.5", function()
    assert.are.equal("d41d8cd98f00b204e9800998ecf8427e", core.md5 "")
    assert.are.equal("900150983cd24fb0d6963f7d28e17f72", core.md5 "abc")
  end)
end)

describe("core.gunzip", function()
  local text = ("answer "):rep(5000)
  local zipped = gzip.store(text)

  it("gives what was packed, up to its limit", function()
    assert.are.equal(text, core.gunzip(zipped, #text))
    assert.are.same({ nil, "larger than the limit when inflated" }, { core.gunzip(zipped, #text - 1) })
    assert.are.equal("", core.gunzip(gzip.store "", 0))
    assert.are.equal("", fresh().gunzip(gzip.store "", 0))
    assert.is_nil((core.gunzip(zipped, 0)))
  end)

  it("refuses every shorter text, other bytes and bytes after the end", function()
    local short = gzip.store "abc"
    for i = 0, #short - 1 do
      assert.are.same({ nil, "not gzip, or cut short" }, { core.gunzip(short:sub(1, i), 100) })
    end
    assert.are.same({ nil, "bytes after the end of gzip" }, { core.gunzip(short .. "x", 100) })
    assert.is_nil((core.gunzip("plain text", 100)))
    for i = 11, #short do                                                  -- a flipped bit in data, checksum or length
      local flipped = short:sub(1, i - 1) .. string.char((short:byte(i) + 1) % 256) .. short:sub(i + 1)
      assert.is_nil((core.gunzip(flipped, 100)))
    end
  end)

  it("refuses a limit that is none", function()
    for _, limit in ipairs { -1, 0/0, 1/0 } do assert.has_error(function() core.gunzip(zipped, limit) end) end
    assert.has_error(function() core.gunzip(zipped) end)
  end)
end)

describe("core.base64", function()
  it("writes RFC 4648's examples and reads them back", function()
    for bytes, text in pairs { [""] = "", f = "Zg==", fo = "Zm8=", foo = "Zm9v", foob = "Zm9vYg==", fooba = "Zm9vYmE=",
                               foobar = "Zm9vYmFy", ["\255\254\253"] = "//79", ["\0"] = "AA==" } do
      assert.are.equal(text, core.base64(bytes))
      assert.are.equal(bytes, core.unbase64(text))
      assert.are.equal(text, fresh().base64(bytes))
    end
  end)

  it("round-trips bytes of any length", function()
    for length = 0, 100 do
      local bytes = core.random(length)
      assert.are.equal(bytes, core.unbase64(core.base64(bytes)))
    end
  end)

  it("refuses what is not base64", function()
    for _, bad in ipairs { "A", "AA", "AAA", "AAAAA", "====", "A===", "AA=A", "=AAA", "AAA\n", "AA A", "AA-_",
                           "AAAA====", "AA==AAAA", "AAA\0", "AAA\255" } do
      assert.are.same({ nil, "not base64" }, { core.unbase64(bad) })
    end
  end)
end)

describe("core.uuid", function()
  it("is a version 4 UUID, never the same", function()
    local seen, bad = {}, nil
    for _ = 1, 2000 do
      local uuid = core.uuid()
      local is_uuid = uuid:find "^%x%x%x%x%x%x%x%x%-%x%x%x%x%-4%x%x%x%-[89ab]%x%x%x%-%x%x%x%x%x%x%x%x%x%x%x%x$"
      if not is_uuid or seen[uuid] then bad = uuid end
      seen[uuid] = true
    end
    assert.is_nil(bad)
  end)
end)

describe("core.random", function()
  it("gives as many bytes as asked for, of every value", function()
    local bytes, seen = core.random(20000), {}
    for i = 1, #bytes do seen[bytes:byte(i)] = true end
    for byte = 0, 255 do assert.is_true(seen[byte]) end
    for _, length in ipairs { 0, 1, 255, 256, 257, 2^20 } do assert.are.equal(length, #core.random(length)) end
    assert.are_not.equal(core.random(16), core.random(16))
  end)

  it("refuses other counts", function()
    for _, count in ipairs { -1, 2^20 + 1 } do assert.has_error(function() core.random(count) end) end
    assert.has_error(function() core.random() end)
  end)
end)

describe("core.content", function()
  local function head(...) return "HTTP/1.1 200 OK\r\n" .. table.concat({ ... }, "\r\n") .. "\r\n\r\n" end

  local function crc(bytes) return ("x-amz-crc32: %.0f"):format(core.crc32(bytes)) end

  it("is the body, and the request id of the head", function()
    assert.are.same({ "{}" }, { core.content(head(), "{}", 0) })
    assert.are.same({ "{}", "ID" }, { core.content(head("x-amzn-RequestId: ID", crc "{}"), "{}", 0) })
    assert.are.same({ "", "B" }, { core.content(head("X-Amz-Request-Id: B", "Content-Encoding: "), "", 0) })
    assert.are.same({ "", "A" }, { core.content(head("x-amz-request-id: B", "x-amzn-requestid: A"), "", 0) })
    assert.are.same({ "{}" }, { core.content(head "content-encoding: Identity", "{}", 0) })
  end)

  it("is inflated after the checksum of what came", function()
    local text = ("a"):rep(1000)
    local zipped = gzip.store(text)
    assert.are.same({ text, "ID" },
      { core.content(head(crc(zipped), "Content-Encoding: GZip", "x-amzn-requestid: ID"), zipped, #text) })
    assert.is_nil((core.content(head(crc(text), "content-encoding: gzip"), zipped, #text)))
  end)

  it("is refused for another checksum, an unknown encoding, or what cannot be inflated", function()
    local function refused(message, body, limit, ...)
      local content, id, said = core.content(head("x-amzn-requestid: ID", ...), body, limit)
      assert.are.same({ false, "ID", message }, { content or false, id, said })
    end
    for _, wrong in ipairs { "1", "", "-2745614147", "2745614147x", "02745614148", ("9"):rep(40) } do
      refused("the body's CRC-32 is not the one that the service sent with it", "{}", 10, "x-amz-crc32: " .. wrong)
    end
    refused("the body has an unknown encoding", "{}", 10, "content-encoding: br")
    refused("the body has an unknown encoding", "{}", 10, "content-encoding: gzip, gzip")
    refused("the body cannot be inflated: not gzip, or cut short", "{}", 10, "content-encoding: gzip")
    refused("the body cannot be inflated: larger than the limit when inflated", gzip.store "abc", 2,
      "content-encoding: gzip")
    assert.are.same({ n = 3, [3] = "the body has an unknown encoding" }, (function(...)
      return { n = select("#", ...), ... }
    end)(core.content(head "content-encoding: br", "{}", 10)))
  end)
end)

describe("core.header", function()
  local head = "HTTP/1.1 200 OK\r\nServer: x\r\nx-amzn-RequestId:  ABC \t\r\nEmpty:\r\nX-Amz-Crc32: 1\r\n"
    .. "x-amz-crc32: 2\r\nColon: a:b\r\nDate: last"

  it("finds the first header of a name, in any case, without blanks around its value", function()
    assert.are.equal("ABC", core.header(head, "x-amzn-requestid"))
    assert.are.equal("1", core.header(head, "x-amz-crc32"))
    assert.are.equal("", core.header(head, "empty"))
    assert.are.equal("a:b", core.header(head, "colon"))
    assert.are.equal("last", core.header(head, "date"))
    assert.are.equal("b", core.header("HTTP/1.1 200\na: b\n", "a"))
  end)

  it("finds nothing else", function()
    for _, name in ipairs { "serve", "server:", "erver", "http/1.1 200 ok", "x", "", "a" } do
      assert.is_nil(core.header(head, name))
    end
    for _, other in ipairs { "", "\n", "HTTP/1.1 200 OK", "HTTP/1.1 200 OK\r\n\r\n", "a: b" } do
      assert.is_nil(core.header(other, "a"))
    end
  end)
end)
