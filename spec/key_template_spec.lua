-- dynamodb.key: templates that write keys and read them.
local core = require "dynamodb.core"
local dynamodb = require "dynamodb"
local fake_client = require "spec.support.fake_client"
local generate = require "spec.support.generate"

local message_of = fake_client.message_of

describe("a key's template", function()
  local order = dynamodb.key "USER#{id}#ORDER#{number:08}"
  local user = dynamodb.key "USER#{id}"

  it("writes strings and whole numbers into their places", function()
    assert.equal("USER#7", user { id = 7 })
    assert.equal("USER#ada", user { id = "ada" })
    assert.equal("USER#7#ORDER#00000012", order { id = "7", number = 12 })
    assert.equal("USER#-7", user { id = -7.0 })
    assert.equal("USER#123456789012345678901234567890",
      user { id = dynamodb.number "123456789012345678901234567890" })
  end)

  it("of one field takes its value alone", function()
    assert.equal("USER#7", user(7))
    assert.equal("7-7", dynamodb.key "{a}-{a}" (7))
  end)

  it("without fields is a text", function()
    assert.equal("PROFILE", dynamodb.key "PROFILE" ())
    assert.same({}, dynamodb.key("PROFILE"):match "PROFILE")
  end)

  it("pads numbers so that their texts sort as they do", function()
    local last
    for _, number in ipairs { 0, 9, 10, 99, 100, 12345678, 99999999 } do
      local text = order { id = 1, number = number }
      assert.is_true(last == nil or last < text)
      last = text
    end
  end)

  it("reads what it writes", function()
    assert.same({ id = "7" }, user:match "USER#7")
    assert.same({ id = "7", number = 12 }, order:match "USER#7#ORDER#00000012")
    assert.same({ n = 7 }, dynamodb.key("{n:03}0"):match "0070")
  end)

  it("does not read other keys", function()
    for _, key in ipairs {
      "", "USER#", "USER", "user#7", "XUSER#7", "USER#7#ORDER#00000012", "USER#7#", 7, true,
    } do
      assert.is_nil(user:match(key))
    end
    assert.is_nil(user:match(nil))
    for _, key in ipairs {
      "USER#7", "USER#7#ORDER#", "USER##ORDER#00000012", "USER#7#ORDER#12", "USER#7#ORDER#0000001x",
      "USER#7#ORDER#000000123", "USER#7#ORDER#00000012#ITEM#1", "USER#7#8#ORDER#00000012",
    } do
      assert.is_nil(order:match(key))
    end
    assert.is_nil(dynamodb.key("{a}-{a}"):match "1-2")
  end)

  it("gives the beginning up to the first field that is missing", function()
    assert.equal("USER#", order:prefix())
    assert.equal("USER#7#ORDER#", order:prefix { id = 7 })
    assert.equal("USER#7#ORDER#00000001", order:prefix { id = 7, number = 1 })
    assert.equal("USER#7", user:prefix(7))
  end)

  it("is its text as a string", function()
    assert.equal("USER#{id}#ORDER#{number:08}", tostring(order))
  end)

  it("refuses values that would reach into other keys", function()
    assert.matches('id contains "#", which separates the parts of the key: "1#ORDER"', message_of(user, "1#ORDER"), 1,
      true)
    assert.matches('id contains "#ORDER#"', message_of(order, { id = "1#ORDER#2", number = 1 }), 1, true)
    assert.matches('x contains "##"', message_of(dynamodb.key "{x}##{y}", { x = "1#", y = 2 }), 1, true)
    assert.matches('x contains "-"', message_of(dynamodb.key "{x}-{y}", { x = "1-2", y = 3 }), 1, true)
    assert.equal("1-2-3", dynamodb.key "{x}-{y}" { x = "1", y = "2-3" })
  end)

  it("refuses a key that is too long for a partition key, or for what it says", function()
    assert.equal(2048, #dynamodb.key "U#{id}"(("x"):rep(2046)))
    assert.matches("it would have 2049 bytes, and may have 2048", message_of(dynamodb.key "U#{id}", ("x"):rep(2047)))
    local short = dynamodb.key("U#{id}#{n}", { max_bytes = 8 })
    assert.equal("U#four#5", short { id = "four", n = 5 })
    assert.matches("may have 8", message_of(short, { id = "fives", n = 5 }))
    assert.matches("may have 8", message_of(short.prefix, short, { id = "sevenly" }))
  end)

  it("refuses missing, unknown and empty fields by their names", function()
    assert.matches("number is missing", message_of(order, { id = 1 }), 1, true)
    assert.matches("id is missing", message_of(user), 1, true)
    assert.matches('unknown field of key "USER#{id}" "ID"; did you mean "id"?', message_of(user, { ID = 1 }), 1, true)
    assert.matches("id is empty", message_of(user, ""), 1, true)
    assert.matches("number stands behind id, which is missing",
      message_of(order.prefix, order, { number = 1 }), 1, true)
    local bare = dynamodb.key "{id}"
    assert.matches("id is missing: the key begins with it", message_of(bare.prefix, bare), 1, true)
  end)

  it("refuses values that are neither strings nor whole numbers", function()
    for _, value in ipairs {
      1.5, 0 / 0, math.huge, true, dynamodb.number "0.1234567890123456789012345678", dynamodb.binary "x",
    } do
      assert.matches("id must be a string or a whole number, not", message_of(user, { id = value }), 1, true)
    end
    assert.matches("id must be a string or a whole number, not a table", message_of(user, { id = {} }), 1, true)
    assert.matches("its fields are expected as a table, not a number", message_of(order, 7), 1, true)
  end)

  it("refuses floats beyond 2^53, whose last digits nobody knows", function()
    assert.matches("id must be a string or a whole number", message_of(user, 2 ^ 53), 1, true)
    assert.equal("USER#9007199254740991", user(2 ^ 53 - 1))
  end)

  it("refuses padded numbers that would not sort", function()
    for _, value in ipairs { -1, 1.5, "12", true } do
      assert.matches("number must be a whole number from 0, not " .. tostring(value),
        message_of(order, { id = 1, number = value }), 1, true)
    end
    assert.matches("number has more than 8 digits (100000000): it would not sort",
      message_of(order, { id = 1, number = 100000000 }), 1, true)
  end)

  it("must be well formed itself", function()
    for _, wrong in ipairs { "8", 0, 0 / 0 } do
      assert.matches("max_bytes must be", message_of(dynamodb.key, "{a}", { max_bytes = wrong }))
    end
    assert.matches('did you mean "max_bytes"', message_of(dynamodb.key, "{a}", { max_byte = 8 }))
    local function refused(message, text) assert.matches(message, message_of(dynamodb.key, text), 1, true) end
    for _, text in ipairs { "USER#{id", "USER#id}", "{{id}}", "}{", "a{b}c}" } do refused("are not balanced", text) end
    for _, text in ipairs { "{}", "{ id }", "{1}", "{id:8}", "{id:0}", "{id:00}", "{id:0123}", "{id:x}", "{a-b}" } do
      refused("is no field; write {name}", text)
    end
    refused("between {a} and {b} there must be text", "{a}{b}")
    refused("a number has at most 38 digits", "{a:039}")
    refused("the template of a key is empty", "")
    refused("the template of a key must be a string, not nil", nil)
  end)

  it("reads numbers of all digits that a number may have", function()
    local digits = ("9"):rep(38)
    assert.equal(digits, tostring(dynamodb.key("{a:038}"):match(digits).a))
  end)

  it("gives different keys for different fields, which it reads again", function()
    local letters = { "a", "#", "-", "#a", "--", "-#", "b" }
    local generator, templates, seen, written = generate.new(7), {}, {}, 0
    for _, text in ipairs { "{a}", "x#{a}", "{a}#{b}", "{a}--{b}", "{a}-#{b}", "{a}b{b}", "{a}-{b:03}-{c}" } do
      templates[#templates + 1] = dynamodb.key(text)
      seen[text] = {}
    end
    for _ = 1, 20000 do
      local template, fields = generator:pick(templates), {}
      for name in pairs(template.fields) do
        local parts = {}
        for i = 1, generator:below(3) do parts[i] = generator:pick(letters) end
        fields[name] = table.concat(parts)
      end
      if tostring(template):find ":03" then fields.b = generator:below(999) end
      local ok, key = pcall(template, fields)
      if ok then
        written = written + 1
        local read = template:match(key)
        for name, value in pairs(fields) do assert(read and core.key(read[name]) == core.key(value), key) end
        local id = core.json_encode { fields.a, fields.b or "", fields.c or "" }
        local other = seen[tostring(template)]
        assert(other[key] == nil or other[key] == id, key)
        other[key] = id
      end
    end
    assert.is_true(written > 5000)
  end)
end)
