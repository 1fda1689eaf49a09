-- Looking into tables: get, query and tail, in each form of output.
local command = require "spec.support.command"
local core = require "dynamodb.core"
local dynamodb = require "dynamodb"
local engine = require "spec.support.engine"
local process = require "spec.support.process"
local server = require "spec.support.server"

describe("reading with the command", function()
  if not engine.endpoint then
    return it("needs an engine", function() pending "no engine: run through tools/engine.sh" end)
  end
  local db, orders, name

  setup(function()
    db = engine.connect()
    name = engine.prefix .. core.uuid()
    orders = assert(db:create_table {
      name = name, partition = "pk", sort = "sk", types = { sk = "N", blob = "B" },
      indexes = { by_blob = { partition = "blob" } },
      stream = engine.name ~= "dynalite" and "NEW_AND_OLD_IMAGES" or nil,
    })
    for i = 1, 9 do
      assert(orders:put {
        pk = "A", sk = i, total = i * 10, tags = dynamodb.set { "x", "y" }, blob = dynamodb.binary("\1" .. i),
        exact = dynamodb.number "0.12345678901234567890123",
      })
    end
    assert(orders:put { pk = "B\27[31m", sk = 1, text = "two\nlines, ümlaut" })
  end)

  teardown(function()
    engine.drop_table(db, name)
    db:close()
  end)

  -- The items of an output of lines.
  local function items(words)
    local code, output, errors = command.run(words)
    assert.equal(0, code, errors)
    local found = {}
    for i, line in ipairs(command.lines(output)) do found[i] = assert(core.json_decode(line)) end
    return found, errors
  end

  local function numbers(words)
    local list = {}
    for i, item in ipairs(items(words)) do list[i] = item.sk end
    return list
  end

  local function refused(message, words)
    local code, output, errors = command.run(words)
    assert.same({ 2, "" }, { code, output })
    assert.matches(message, errors, 1, true)
  end

  describe("get", function()
    it("shows an item, its key typed as the table says", function()
      assert.equal(30, items({ "get", name, "pk=A", "sk=3" })[1].total)
    end)

    it("takes a key of JSON, plain or typed", function()
      assert.equal(30, items({ "get", name, '{"pk":"A","sk":3}' })[1].total)
      assert.equal(30, items({ "get", name, '{"pk":{"S":"A"},"sk":{"N":"3"}}' })[1].total)
    end)

    it("ends with 4 if there is no such item", function()
      local code, output, errors = command.run { "get", name, "pk=A", "sk=99" }
      assert.same({ 4, "", "dynamodb: there is no such item\n" }, { code, output, errors })
    end)

    it("loses nothing with --typed", function()
      local _, output = command.run { "get", name, "pk=A", "sk=3", "--typed" }
      local item = assert(core.unmarshal(output))
      assert.equal("0.12345678901234567890123", tostring(item.exact))
      assert.equal(core.set_mt, getmetatable(item.tags))
      assert.equal("\0013", tostring(item.blob))
    end)

    it("shows attributes below each other on a table, without control characters", function()
      local _, output = command.run { "get", name, "pk=B\27[31m", "sk=1", "--output", "table" }
      assert.equal("pk    B\\x1b[31m\nsk    1\ntext  two\\nlines, ümlaut\n", output)
    end)

    it("refuses a key that is not the table's", function()
      refused("nk is no attribute of the key, which is: pk, sk", { "get", name, "nk=A" })
      refused('sk is a number; "three" is none', { "get", name, "pk=A", "sk=three" })
      refused("pk is given twice", { "get", name, "pk=A", "pk=B" })
      refused("the key of an item is given with =", { "get", name, "pk=A", "sk>3" })
      refused('"A" is no part of a key', { "get", name, "A" })
      refused('key lacks the attribute "sk"', { "get", name, "pk=A" })
    end)

    it("fails with exit code 1 where there is no table", function()
      local code, _, errors = command.run { "get", "nowhere", "pk=A" }
      assert.equal(1, code)
      assert.matches("ResourceNotFoundException", errors, 1, true)
    end)
  end)

  describe("query", function()
    it("shows a partition in order", function()
      assert.same({ 1, 2, 3, 4, 5, 6, 7, 8, 9 }, numbers { "query", name, "pk=A" })
    end)

    it("takes conditions on the sort key", function()
      assert.same({ 8, 9 }, numbers { "query", name, "pk=A", "sk>7" })
      assert.same({ 7, 8, 9 }, numbers { "query", name, "pk=A", "sk>=7" })
      assert.same({ 1 }, numbers { "query", name, "pk=A", "sk<2" })
      assert.same({ 1, 2 }, numbers { "query", name, "pk=A", "sk<=2" })
      assert.same({ 4 }, numbers { "query", name, "pk=A", "sk=4" })
      assert.same({ 4, 5 }, numbers { "query", name, "pk=A", "sk>=4", "sk<=5" })
      refused("only >= together with <= makes a range", { "query", name, "pk=A", "sk>4", "sk<9" })
      refused("sk> is given twice", { "query", name, "pk=A", "sk>4", "sk>5" })
    end)

    it("takes expressions, with values plain or typed", function()
      local words = { "query", name, "--key-condition-expression", "pk = :p", "--filter-expression", "#t < :t",
        "--expression-attribute-names", '{"#t":"total"}', "--expression-attribute-values", '{":p":"A",":t":25}' }
      assert.same({ 1, 2 }, numbers(words))
      words[#words] = '{":p":{"S":"A"},":t":{"N":"25"}}'
      assert.same({ 1, 2 }, numbers(words))
    end)

    it("shows the attributes that are asked for, the last item first", function()
      assert.same({ { sk = 9, total = 90 } },
        (items { "query", name, "pk=A", "sk>8", "--projection-expression", "sk, total" }))
      assert.same({ 9, 8 }, numbers { "query", name, "pk=A", "sk>7", "--no-scan-index-forward" })
    end)

    it("queries an index, whose key is a binary in base64", function()
      assert.same({ 3 }, numbers { "query", name, "--index-name", "by_blob", "blob=ATM=" })
      refused("has no index by_name", { "query", name, "--index-name", "by_name", "blob=ATM=" })
      refused("is not base64", { "query", name, "--index-name", "by_blob", "blob=*" })
    end)

    it("goes on with the token that it has told", function()
      local found, errors = items { "query", name, "pk=A", "--max-items", "7" }
      assert.equal(7, #found)
      local token = errors:match "%-%-starting%-token (%S+)"
      assert.same({ 8, 9 }, numbers { "query", name, "pk=A", "--starting-token", token })
    end)

    it("writes one document as json", function()
      local _, output, errors = command.run { "query", name, "pk=A", "--max-items", "2", "--output", "json" }
      local document = assert(core.json_decode(output))
      assert.equal(2, document.count)
      assert.equal(20, document.items[2].total)
      assert.equal("string", type(document.cursor))
      assert.equal("", errors)
    end)

    it("writes an empty document as json", function()
      local _, output = command.run { "query", name, "pk=nobody", "--output", "json" }
      local document = assert(core.json_decode(output))
      assert.same({ 0, 0, dynamodb.null }, { document.count, #document.items, document.cursor })
    end)

    it("writes columns as table, keys first", function()
      local _, output = command.run { "query", name, "pk=A", "sk<3", "--output", "table",
        "--projection-expression", "sk, total, pk, tags" }
      assert.equal('pk  sk  tags       total\nA   1   ["x","y"]  10\nA   2   ["x","y"]  20\n', output)
    end)

    it("ends a document also where the service fails", function()
      local code, output, errors = command.run { "query", name, "pk=A", "--output", "json", "--starting-token", "x" }
      assert.equal(1, code)
      assert.matches("InvalidCursor", errors, 1, true)
      local document = assert(core.json_decode(output))
      assert.same({ 0, dynamodb.null }, { document.count, document.cursor })
    end)
  end)

  it("ends at once with Ctrl-C, as other programs do", function()
    local deaf = server.start { { { "read" }, { "stall" } } }
    for _, words in ipairs { { "get", "t", "pk=1" }, { "query", "t", "pk=1" }, { "cost", "t" }, { "tail", "t" } } do
      words.env = { AWS_ENDPOINT_URL = "http://127.0.0.1:" .. deaf.port }
      local before = #deaf:requests()
      local child = command.start(words)
      assert(process.await(60, function() return #deaf:requests() > before end))
      child:kill(2)
      assert.equal(130, child:wait(60), words[1])
      assert.equal("", process.read(child.stderr))
    end
    deaf:stop()
  end)

  describe("tail", function()
    if engine.name == "dynalite" then
      return it("needs streams", function() pending "dynalite has none" end)
    end

    setup(function()
      assert(orders:update({ pk = "A", sk = 1 }, { set = { total = 11 }, remove = { "tags", "blob" } }))
      assert(orders:delete { pk = "A", sk = 1 })
    end)

    local function tail(...)
      return command.run { "tail", name, "--shard-iterator-type", "TRIM_HORIZON", "--max-items", "12", ... }
    end

    it("tells every change as a line of JSON", function()
      local code, output, errors = tail()
      assert.equal(0, code, errors)
      local last
      for _, line in ipairs(command.lines(output)) do
        local record = assert(core.json_decode(line))
        if record.keys.pk == "A" and record.keys.sk == 1 and record.event == "MODIFY" then last = record end
      end
      assert.same({ 10, 11 }, { last.old.total, last.new.total })
      assert.same({ "x", "y" }, { last.old.tags[1], last.old.tags[2] })
    end)

    it("tells what was changed on a table", function()
      local _, output = tail("--output", "table")
      assert.matches('Z  MODIFY  {"pk":"A","sk":1}  {"total":11} without blob, tags\n', output, 1, true)
      assert.matches('Z  REMOVE  {"pk":"A","sk":1}\n', output, 1, true)
    end)

    it("fails where there is no stream", function()
      local code, _, errors = command.run { "tail", "nowhere" }
      assert.equal(1, code)
      assert.matches("ResourceNotFoundException", errors, 1, true)
    end)
  end)
end)
