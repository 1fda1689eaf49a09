local core = require "dynamodb.core"

local OK = "HTTP/1.1 200 OK\r\n"

describe("core.http", function()
  local reader

  before_each(function() reader = core.http(4096) end)

  it("gives a response that comes in one piece: status, head, body, and whether the connection lives on", function()
    local head = OK .. "Content-Length: 2\r\n\r\n"
    assert.same({ 200, head, "{}", true }, { reader:feed(head .. "{}") })
    assert.same({ 500, "HTTP/1.1 500 No\r\nConnection: close\r\nContent-Length: 0\r\n\r\n", "", false },
      { reader:feed "HTTP/1.1 500 No\r\nConnection: close\r\nContent-Length: 0\r\n\r\n" })
  end)

  it("gives nothing until all pieces are there, then begins anew", function()
    local head = OK .. "Transfer-Encoding: chunked\r\n\r\n"
    local text = head .. "3\r\na\0c\r\n1\r\nd\r\n0\r\nX-Late: 1\r\n\r\n"
    for _ = 1, 2 do
      for i = 1, #text - 1 do assert.equal(0, select("#", reader:feed(text:sub(i, i)))) end
      assert.same({ 200, head, "a\0cd", true }, { reader:feed(text:sub(-1)) })
    end
  end)

  it("knows that the answer to a HEAD has no body", function()
    local head = OK .. "Content-Length: 200\r\n\r\n"
    assert.same({ 200, head, "", true }, { reader:feed(head, true) })
  end)

  it("gives a response that ends with the connection", function()
    assert.equal(0, select("#", reader:feed(OK .. "\r\nall ")))
    assert.equal(0, select("#", reader:feed "of it"))
    assert.same({ 200, OK .. "\r\n", "all of it", false }, { reader:finish() })
  end)

  it("says what is wrong, and can be used afterwards", function()
    local status, message = reader:feed "SSH-2.0-OpenSSH_9.2\r\n"
    assert.is_nil(status)
    assert.matches("not HTTP/1", message)
    reader:feed(OK .. "Content-Length: 9\r\n\r\nabc")
    status, message = reader:finish()
    assert.is_nil(status)
    assert.matches("ended in the middle", message)
    status, message = reader:feed(OK .. "Content-Length: 5000\r\n\r\n")
    assert.is_nil(status)
    assert.matches("larger than max_response", message)
    assert.equal(204, (reader:feed "HTTP/1.1 204 Nothing\r\n\r\n"))
  end)

  it("refuses what is no limit, and what is no reader", function()
    for _, max in ipairs { 0, -1, 0 / 0, 1e13 } do
      assert.error_matches(function() core.http(max) end, "bytes")
    end
    assert.error_matches(function() reader.feed(io.stdout, "") end, "http expected")
    assert.error_matches(function() reader:feed() end, "string expected")
  end)

  it("prints how far it is", function()
    reader:feed "HTTP"
    assert.equal("dynamodb.http (4 bytes)", tostring(reader))
  end)
end)

describe("core.http_request", function()
  it("writes the head, and the body behind it if it is to", function()
    local head = "POST /a?b HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\n"
    assert.equal(head, core.http_request("POST", "/a?b", "Host: h\r\n", "{}", false))
    assert.equal(head .. "{}", core.http_request("POST", "/a?b", "Host: h\r\n", "{}", true))
  end)

  it("refuses what would be another request, and names the part", function()
    local function refuses(part, ...)
      local bytes, message = core.http_request(...)
      assert.is_nil(bytes)
      assert.matches("^request%." .. part .. ": ", message)
    end
    refuses("head", "POST", "/", "X: a\r\n\r\nGET / HTTP/1.1\r\n", "")
    refuses("path", "POST", "/ HTTP/1.1\r\nX: y", "", "")
    refuses("method", "post", "/", "", "")
    refuses("body", "HEAD", "/", "", "x")
  end)
end)
