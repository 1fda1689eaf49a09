-- The formats of files: items go out and come back, and what is broken is told with its text.
local core = require "dynamodb.core"
local dynamodb = require "dynamodb"
local equal = require "spec.support.equal"
local generate = require "spec.support.generate"
local input = require "dynamodb.formats.input"
local migration = require "spec.support.migration"
local ordered = require "dynamodb.formats.ordered"
local output = require "dynamodb.formats.output"
local process = require "spec.support.process"

local FORMATS = {
  ["dynamodb-json"] = require "dynamodb.formats.dynamodb_json",
  json = require "dynamodb.formats.json",
  csv = require "dynamodb.formats.csv",
}

local function write_file(text)
  local path = migration.path()
  local file = assert(io.open(path, "wb"))
  file:write(text)
  file:close()
  return path
end

-- What a reader finds in a text: items, and { message, raw } for what is broken.
local function read_all(format, text)
  local file = assert(input.open(write_file(text)))
  local reader = assert(FORMATS[format].reader(file))
  local found = {}
  while true do
    local item, message, raw = reader.read()
    if item then
      found[#found + 1] = item
    elseif raw then
      found[#found + 1] = { message = message, raw = raw }
    else
      assert(message == nil, tostring(message))
      file:close()
      return found, reader
    end
  end
end

-- Items as they come back from the service, with values of every type.
local function stored_items(count, seed)
  local g, items = generate.new(seed), {}
  for i = 1, count do
    local item = g:map(4, 8)
    item[""], item.pk = nil, "item " .. i
    items[i] = assert(core.unmarshal(core.marshal(item)))
  end
  return items
end

describe("ordered JSON", function()
  it("has one text for equal items", function()
    local a = core.unmarshal '{"b":{"NS":["1.0","2","0.30"]},"a":{"M":{"y":{"S":"%s"},"x":{"L":[]}}}}'
    local b = core.unmarshal '{"a":{"M":{"x":{"L":[]},"y":{"S":"%s"}}},"b":{"NS":["0.3","1","2e0"]}}'
    assert.equal('{"a":{"M":{"x":{"L":[]},"y":{"S":"%s"}}},"b":{"NS":["0.3","1","2"]}}', ordered.typed(a))
    assert.equal(ordered.typed(a), ordered.typed(b))
    assert.equal('{"a":{"x":[],"y":"%s"},"b":[0.3,1,2]}', ordered.plain(a))
  end)
end)

describe("DynamoDB JSON and CSV", function()
  it("give back every item as it was", function()
    for seed = 1, 20 do
      local items = stored_items(20, seed)
      for _, name in ipairs { "dynamodb-json", "csv" } do
        local format = FORMATS[name]
        local titles = name == "csv" and format.columns(items, { partition = "pk" }) or nil
        local writer = format.writer(titles)
        local parts = { writer.header }
        for _, item in ipairs(items) do parts[#parts + 1] = assert(writer.write(item)) end
        local found = read_all(name, table.concat(parts))
        assert.equal(#items, #found)
        for i, item in ipairs(items) do
          assert.is_true(equal.same(item, found[i]), ("%s, seed %d, item %d"):format(name, seed, i))
        end
      end
    end
  end)
end)

describe("DynamoDB JSON", function()
  it("is read with the member Item around an item and without it", function()
    local found = read_all("dynamodb-json", table.concat({
      '{"Item":{"pk":{"S":"a"}}}', '{"pk":{"S":"b"}}', ' { "Item" : {"Item":{"S":"c"}}}', '{"Item":{"S":"d"}}',
      '{"Item":{"M":{"pk":{"S":"e"}}}}',
    }, "\n"))
    assert.same({ pk = "a" }, found[1])
    assert.same({ pk = "b" }, found[2])
    assert.same({ Item = "c" }, found[3])
    assert.same({ Item = "d" }, found[4])
    assert.same({ Item = { pk = "e" } }, found[5])
  end)

  it("is read behind a byte order mark", function()
    assert.same({ pk = "a" }, read_all("dynamodb-json", '\239\187\191{"pk":{"S":"a"}}\n')[1])
  end)

  it("tells what is broken and goes on behind it", function()
    local found = read_all("dynamodb-json", '{"Item":{"pk":{"S":"a"}}}\n{"Item":{"pk":{"S":\n\n{}\n{"pk":{"X":"a"}}\n'
      .. '{"pk":{"S":"b"}}')
    assert.same({ pk = "a" }, found[1])
    assert.equal('{"Item":{"pk":{"S":\n', found[2].raw)
    assert.equal("{}\n", found[3].raw)
    assert.equal('{"pk":{"X":"a"}}\n', found[4].raw)
    assert.same({ pk = "b" }, found[5])
  end)
end)

describe("plain JSON", function()
  it("has plain values, and refuses what is no object", function()
    local text = FORMATS.json.writer().write { pk = "a", n = 1, tags = dynamodb.set { "x" }, list = dynamodb.list {} }
    assert.equal('{"list":[],"n":1,"pk":"a","tags":["x"]}\n', text)
    local found = read_all("json", text .. "[1]\n3\nnull\n")
    assert.equal("a", found[1].pk)
    assert.same({ "[1]\n", "3\n", "null\n" }, { found[2].raw, found[3].raw, found[4].raw })
  end)

  it("rounds no number", function()
    local text = '{"n":[-0.12345678901234567890123456789012345678,12345678901234567890123,1e+100,1.50],"pk":"a"}\n'
    local found = read_all("json", text .. '{"pk":"b","n":1e126}\n')
    assert.equal('{"L":[{"N":"-0.12345678901234567890123456789012345678"},{"N":"12345678901234567890123"},'
      .. '{"N":"1E+100"},{"N":"1.5"}]}', core.marshal_value(found[1].n):gsub("e", "E"))
    assert.equal('{"pk":"b","n":1e126}\n', found[2].raw)
  end)
end)

describe("CSV", function()
  it("reads headers without types, quotes, empty cells and lines of other systems", function()
    local found = read_all("csv", '\239\187\191pk,n:N,"a ""b"""\r\nx,1,\r\n"y\r\nz",,""\r\n')
    assert.same({ pk = "x", n = 1 }, found[1])
    assert.same({ pk = "y\r\nz", ['a "b"'] = "" }, found[2])
  end)

  it("ends at a quote behind which the file would be one cell", function()
    local line = ("x"):rep(2 ^ 20) .. "\n"
    local file = assert(input.open(write_file('pk:S,n:N\n"a,1\n' .. line:rep(17))))
    local none, err = assert(FORMATS.csv.reader(file)).read()
    assert.is_nil(none)
    assert.equal("DamagedFile", err.code)
    file:close()
  end)

  it("tells what is broken with all of its lines", function()
    local found = read_all("csv", 'pk:S,n:N\na,1\nb\nc,x\n"d\ne",2,3\nf"g,1\nh,2\n"i')
    assert.same({ pk = "a", n = 1 }, found[1])
    assert.same({ raw = "b\n", message = "1 cells, and the header has 2 columns" }, found[2])
    assert.equal("c,x\n", found[3].raw)
    assert.matches("^column n:N: ", found[3].message)
    assert.equal('"d\ne",2,3\n', found[4].raw)
    assert.equal('f"g,1\n', found[5].raw)
    assert.same({ pk = "h", n = 2 }, found[6])
    assert.same({ raw = '"i\n', message = "a quoted cell does not end" }, found[7])
  end)

  it("has a column for each type of an attribute, keys first", function()
    local items = { { v = 1, sk = 1, pk = "a" }, { v = "x", pk = "b", sk = 2 } }
    local titles = FORMATS.csv.columns(items, { partition = "pk", sort = "sk" })
    assert.same({ "pk:S", "sk:N", "v:N", "v:S" }, titles)
    local writer = FORMATS.csv.writer(titles)
    assert.equal("b,2,,x\n", writer.write(items[2]))
    local none, missing = writer.write { pk = "c", sk = 3, v = true }
    assert.is_nil(none)
    assert.equal("v:BOOL", missing)
  end)
end)

describe("files in pieces", function()
  local function lines_of(file)
    local lines = {}
    while true do
      local line, err = file:line()
      if not line then return lines, err end
      lines[#lines + 1] = line
    end
  end

  it("go on behind a mark, plain and deflated", function()
    for _, gzip in ipairs { false, true } do
      local path = migration.path()
      local out = assert(output.open(path, { gzip = gzip }))
      assert.equal(0, out:mark())
      for i = 1, 3000 do assert(out:write(("line %d\n"):format(i))) end
      local size = assert(out:mark())
      assert.equal(size, out:mark()) -- with nothing new, nothing is added
      for i = 1, 3000 do assert(out:write(("lost %d\n"):format(i))) end
      out:close()
      out = assert(output.open(path, { gzip = gzip, size = size }))
      assert(out:write "last\n")
      assert(out:mark())
      out:close()
      local file = assert(input.open(path))
      local lines, err = lines_of(file)
      assert.is_nil(err)
      assert.equal(3001, #lines)
      assert.equal("last", lines[3001])
    end
  end)

  it("are read on from where reading stood", function()
    for _, gzip in ipairs { false, true } do
      local path = migration.path()
      local out = assert(output.open(path, { gzip = gzip }))
      for i = 1, 5000 do assert(out:write(("line %d\n"):format(i))) end
      assert(out:mark())
      out:close()
      local file = assert(input.open(path))
      for _ = 1, 3000 do file:line() end
      local at = file.at
      file:close()
      file = assert(input.open(path))
      assert(file:skip_to(at))
      assert.equal("line 3001", file:line())
    end
  end)

  it("tell a gzip file that was cut off, and one that is damaged", function()
    local deflater = core.deflater()
    local text = {}
    for i = 1, 20000 do text[i] = ("line %d %s\n"):format(i, core.uuid()) end
    local bytes = deflater:write(table.concat(text)) .. deflater:finish()
    local lines, err = lines_of(assert(input.open(write_file(bytes:sub(1, math.floor(#bytes / 2))))))
    assert.equal("TruncatedFile", err.code)
    assert.is_true(#lines > 5000)
    local middle = math.floor(#bytes / 2)
    lines, err = lines_of(assert(input.open(write_file(bytes:sub(1, middle) .. "damage" .. bytes:sub(middle + 7)))))
    assert.equal("DamagedFile", err.code)
    assert.is_true(#lines > 5000)
  end)

  it("are not written over", function()
    local path = write_file "mine"
    local none, err = output.open(path, {})
    assert.is_nil(none)
    assert.equal("FileError", err.code)
    assert.equal("mine", process.read(path))
  end)
end)
