local docs = require "tools.docs"

local files, names = docs.collect()

-- The titles of all documented members, by module and name: "dynamodb.core" -> { marshal = member, … }.
local function documented(module)
  local found = {}
  for _, member in ipairs(files[module].public) do
    if not member.class and member.doc and member.doc.text ~= "" then
      found[member.name] = member
    end
  end
  return found
end

-- The methods of class `name`, by name.
local function documented_methods(module, name)
  local found = {}
  for _, member in ipairs(files[module].public) do
    if member.class and member.class.class == name then
      found[member.name] = member
    end
  end
  return found
end

local function is_callable(value)
  local mt = type(value) == "table" and getmetatable(value)
  return type(value) == "function" or mt and mt.__call ~= nil
end

-- What a loaded module or a method table has, and `found` has not, and the other way round.
local function difference(real, found)
  local problems = {}
  for name, value in pairs(real) do
    if is_callable(value) and not name:find "^_" and not found[name] then
      problems[#problems + 1] = name .. " is not documented"
    end
  end
  for name, member in pairs(found) do
    if member.params and not is_callable(real[name]) then
      problems[#problems + 1] = name .. " is documented, but does not exist"
    end
  end
  table.sort(problems)
  return problems
end

local function methods(object)
  return debug.getmetatable(object).__index or {}
end

describe("docs/reference.md", function()
  it("is what the docstrings say", function()
    local file = assert(io.open(docs.output))
    local text = file:read "*a"
    file:close()
    assert.is_true(docs.render() == text, "docs/reference.md is not up to date: run `make docs`")
  end)

  it("leaves out what a docstring calls private", function()
    local file = docs.parse(table.concat({
      "--- A module.",
      "local things = {}", "",
      "---@class a.Thing    that is a thing",
      "---@field name string",
      "---@field private secret string    of", "---    ours", "",
      "return things", "",
    }, "\n"), "a")
    assert.are.equal("that is a thing", file.classes[1].about.text)
    assert.are.equal(1, #file.classes[1].fields)
    assert.are.same({ name = "name", optional = "", type = "string", text = "" }, file.classes[1].fields[1])
  end)

  it("has the classes of what a program gets, and not the inside of the library", function()
    local text = docs.render()
    for _, name in ipairs { "Query", "StreamContext", "lambda.Context", "Sample" } do
      assert.is_truthy(text:find("\n## class dynamodb." .. name .. "\n", 1, true), name)
    end
    for _, title in ipairs { "dynamodb.query.", "dynamodb.request", "class dynamodb.QueryPlan", "Table.new" } do
      assert.is_falsy(text:find("\n#+ " .. title), title)
    end
  end)

  it("has every function of the modules that a program loads, and no other", function()
    for _, module in ipairs { "dynamodb", "dynamodb.core", "dynamodb.curl", "dynamodb.system", "dynamodb.migrate" } do
      assert.are.same({}, difference(require(module), documented(module)), module)
    end
    local operators = documented "dynamodb.expression.operators"
    assert.are.same({}, difference(require("dynamodb").expr, operators), "dynamodb.expr")
  end)

  it("has every method of the native objects, and no other", function()
    local core, curl = require "dynamodb.core", require "dynamodb.curl"
    local signer = core.signer { access_key_id = "a", secret_access_key = "b", region = "c", service = "d" }
    local pool = curl.pool()
    local transfer = pool:start { scheme = "http", host = "127.0.0.1", port = 9 }
    transfer:cancel()
    local path = os.tmpname()
    local append, interrupts = assert(require("dynamodb.system").append(path)), require("dynamodb.system").interrupts()
    append:close()
    interrupts:close()
    os.remove(path)
    local objects = {
      ["dynamodb.Signer"] = { "dynamodb.core", signer },
      ["dynamodb.RetryPolicy"] = { "dynamodb.core", core.retry() },
      ["dynamodb.NativeTransaction"] = { "dynamodb.core", core.transaction { kind = "get" } },
      ["dynamodb.RetryCall"] = { "dynamodb.core", core.retry():call() },
      ["dynamodb.Number"] = { "dynamodb.core", core.number "0.12345678901234567890123456789" },
      ["dynamodb.Binary"] = { "dynamodb.core", core.binary "" },
      ["dynamodb.Deflater"] = { "dynamodb.core", core.deflater() },
      ["dynamodb.Inflater"] = { "dynamodb.core", core.inflater() },
      ["dynamodb.Md5"] = { "dynamodb.core", core.md5_stream() },
      ["dynamodb.AppendFile"] = { "dynamodb.system", append },
      ["dynamodb.Interrupts"] = { "dynamodb.system", interrupts },
      ["dynamodb.Pool"] = { "dynamodb.curl", pool },
      ["dynamodb.Transfer"] = { "dynamodb.curl", transfer },
      ["dynamodb.Child"] = { "dynamodb.system", require("dynamodb.system").spawn { "true" } },
    }
    for class, where in pairs(objects) do
      assert.are.same({}, difference(methods(where[2]), documented_methods(where[1], class)), class)
    end
  end)

  it("says what every module and every public function is for", function()
    local problems = {}
    for _, name in ipairs(names) do
      if files[name].text == "" then
        problems[#problems + 1] = name .. " does not begin with a sentence"
      end
      for _, member in ipairs(files[name].public) do
        if not member.doc or member.doc.text == "" and #member.doc.returns == 0 then
          problems[#problems + 1] = member.title
        end
      end
    end
    assert.are.same({}, problems)
  end)

  it("describes the parameters that a function has", function()
    local problems = {}
    for _, name in ipairs(names) do
      for _, member in ipairs(files[name].public) do
        local described = {}
        for _, param in ipairs(member.doc and member.doc.params or {}) do
          described[param.name] = true
        end
        for _, param in ipairs(member.params or {}) do
          if not described[param] and not param:find "^_" then
            problems[#problems + 1] = member.title .. ": " .. param .. " is not described"
          end
          described[param] = nil
        end
        for param in pairs(described) do
          problems[#problems + 1] = member.title .. ": " .. param .. " is no parameter"
        end
      end
    end
    assert.are.same({}, problems)
  end)
end)

-- The anchors of a text's headings, as GitHub makes them, and its links: { line, file, anchor }.
local function outline(path)
  local anchors, links, in_code, number = {}, {}, false, 0
  for line in io.lines(path) do
    number = number + 1
    if line:find "^```" then in_code = not in_code end
    local heading = not in_code and line:match "^#+ (.*)$"
    if heading then
      anchors[heading:gsub("%[(.-)%]%b()", "%1"):lower():gsub("[^%w%- _]", ""):gsub(" ", "-")] = true
    end
    for target in (in_code and "" or line):gmatch "%]%(([^%s)]+)%)" do
      local file, anchor = target:match "^([^#]*)#?(.*)$"
      links[#links + 1] = { line = path .. ":" .. number .. ": " .. target, file = file, anchor = anchor }
    end
  end
  return anchors, links
end

describe("the texts", function()
  it("have no link that leads nowhere", function()
    local dead = {}
    for _, path in ipairs { "README.md", "docs/guide.md", "docs/lambda.md", "docs/reference.md", "bench/README.md" } do
      local own, links = outline(path)
      for _, link in ipairs(links) do
        local target = link.file ~= "" and path:match "^.*/" or ""
        target = link.file == "" and path or target .. link.file
        local file = io.open(target)
        local anchors = target == path and own or file and link.anchor ~= "" and outline(target) or {}
        if not file or link.anchor ~= "" and not anchors[link.anchor] then dead[#dead + 1] = link.line end
        if file then file:close() end
      end
    end
    assert.are.same({}, dead)
  end)
end)

describe("docs/guide.md", function()
  it("names every variable that an nginx worker may have to be given", function()
    local file = assert(io.open "docs/guide.md")
    local list = file:read("*a"):match "\n### The environment of a worker\n(.-)\n### "
    file:close()
    local elsewhere = { -- Windows, Lambda, CGI
      USERPROFILE = true, HOMEDRIVE = true, HOMEPATH = true, AWS_LAMBDA_FUNCTION_NAME = true, REQUEST_METHOD = true,
    }
    local missing = {}
    require("dynamodb.config").snapshot(function(name)
      if not elsewhere[name] and not list:find("`" .. name .. "`", 1, true) then missing[#missing + 1] = name end
    end)
    assert.same({}, missing)
  end)
end)
