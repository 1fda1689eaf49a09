--- Writes docs/reference.md from the LuaCATS docstrings of the Lua modules and of docs/meta (for the C modules).
--- Run it as `make docs` or `lua5.4 tools/docs.lua [output]`. It reads the few forms of code that this library has:
--- functions, methods and values at the left margin, and a module that ends in `return x` or `return { name = value }`.
local docs = { output = "docs/reference.md" }

--- What a program uses, in the order in which one meets it; every other module follows as the inside of the library.
docs.public = { "dynamodb", "dynamodb.client", "dynamodb.table", "dynamodb.batch", "dynamodb.transaction",
  "dynamodb.partiql.results", "dynamodb.expression.operators", "dynamodb.key_template", "dynamodb.time", "dynamodb.set",
  "dynamodb.error", "dynamodb.streams", "dynamodb.streams.stream", "dynamodb.streams.iterator",
  "dynamodb.streams.context", "dynamodb.streams.record", "dynamodb.lambda.http", "dynamodb.lambda.router",
  "dynamodb.lambda.request", "dynamodb.lambda.events", "dynamodb.lambda.idempotency", "dynamodb.lambda.metrics",
  "dynamodb.nginx", "dynamodb.nginx.cache", "dynamodb.migrate", "dynamodb.core" }
--- How a program calls a module that it does not load itself.
docs.names = { ["dynamodb.expression.operators"] = "dynamodb.expr" }

-- ---------------------------------------------------------------------------------------------------- docstrings ----

-- "table<string, any>? the rest" -> the type and the rest: a type ends at the first space outside brackets that is not
-- beside "|", nor after ":" or ",".
local function split_type(text)
  local depth = 0
  for i = 1, #text do
    local char = text:sub(i, i)
    if char:find "[%(%[{<]" then
      depth = depth + 1
    elseif char:find "[%)%]}>]" then
      depth = depth - 1
    elseif char == " " and depth == 0 and not text:sub(1, i):find "[|:,] +$" and not text:find("^ +|", i) then
      return text:sub(1, i - 1), text:sub(i):match "^ *(.*)$"
    end
  end
  return text, ""
end

local tags = {}

function tags.param(block, rest)
  local name, optional, after = rest:match "^([%w_.]+)(%??)%s+(.*)$"
  local type, text = split_type(after or "any")
  block.params[#block.params + 1] = { name = name or rest, optional = optional, type = type, text = text }
  return block.params[#block.params]
end

function tags.field(block, rest)
  block.fields[#block.fields + 1] = tags.param({ params = {} }, rest)
  return block.fields[#block.fields]
end

tags["return"] = function(block, rest)
  local type, text = split_type(rest)
  local name = text:match "^([%w_]+)$" or text:match "^([%w_]+)%s%s"
  block.returns[#block.returns + 1] = { type = type, name = name, text = name and text:match "^[%w_]+%s*(.*)$" or text }
  return block.returns[#block.returns]
end

function tags.class(block, rest)
  block.class = rest:gsub("^%(%w+%)%s*", ""):match "^[%w_.]+"
end

function tags.type(block, rest)
  block.type = split_type(rest)
end

function tags.private(block)
  block.private = true
end

tags.package, tags.protected = tags.private, tags.private

-- The lines of one comment, without their dashes, as { text, params, returns, fields, class, type, private }.
local function parse_block(lines)
  local block = { prose = {}, params = {}, returns = {}, fields = {} }
  local last
  for _, line in ipairs(lines) do
    local tag, rest = line:match "^@(%w+)%s*(.*)$"
    if tag then
      last = tags[tag] and tags[tag](block, rest)
    elseif last and line:find "^   " then                    -- goes on with the description of the tag above
      last.text = last.text .. " " .. line:match "^%s*(.*)$"
    else
      last = nil
      block.prose[#block.prose + 1] = line:gsub("^ ", "", 1)
    end
  end
  block.text = table.concat(block.prose, "\n"):gsub("^%s+", ""):gsub("%s+$", "")
  return block
end

-- --------------------------------------------------------------------------------------------------------- files ----

local function parameters(list)
  local names = {}
  for name in list:gmatch "[%w_.]+" do
    names[#names + 1] = name
  end
  return names
end

local statements = {
  { "^local function ([%w_]+)%s*(%b())", function(file, block, name, list)
    file.locals[name] = { name = name, params = parameters(list), doc = block }
  end },
  { "^function ([%w_]+)%s*(%b())", function(file, block, name, list)                  -- declared local further above
    file.locals[name] = { name = name, params = parameters(list), doc = block }
  end },
  { "^function ([%w_]+)([.:])([%w_]+)%s*(%b())", function(file, block, owner, separator, name, list)
    file.members[#file.members + 1] = { owner = owner, separator = separator, name = name, params = parameters(list),
      doc = block }
  end },
  { "^([%w_]+)%.([%w_]+) = function%s*(%b())", function(file, block, owner, name, list)
    file.members[#file.members + 1] = { owner = owner, separator = ".", name = name, params = parameters(list),
      doc = block }
  end },
  { "^([%w_]+)%.([%w_]+) = ([^\n]*)", function(file, block, owner, name, value)
    file.members[#file.members + 1] = { owner = owner, separator = ".", name = name, value = value, doc = block }
  end },
  { '^local ([%w_]+) = require%s*%(?%s*"([%w_.]+)"', function(file, _, name, module)
    file.requires[name] = module
  end },
  { "^local ([%w_]+) = ", function(file, block, name)
    if block and block.class then
      file.owners[name], block.owner = block, name
    end
  end },
  { "^return ([%w_]+)%s*$", function(file, _, name)
    file.exported = name
  end },
  { "^return (%b{})", function(file, _, body)
    for name, value in body:sub(2):gmatch "([%w_]+) = ([%w_.]+)" do
      file.members[#file.members + 1] = { owner = "return", separator = ".", name = name, value = value }
    end
    file.exported = "return"
  end },
}

--- The docstrings of one file: its module, its text, its classes and its members (functions, methods, values).
---@param source string
---@param module string   the module's name
---@return table file
function docs.parse(source, module)
  local file = { module = docs.names[module] or module, text = "", members = {}, classes = {},
    locals = {}, requires = {}, owners = {} }                -- by the names they have in the file
  local comment, at, first = {}, 1, true
  while at <= #source do
    local line = source:match("^[^\n]*", at)
    if line:find "^%-%-%-" and not line:find "^%-%-%-%-" then
      comment[#comment + 1] = line:sub(4)
    else
      local block = #comment > 0 and parse_block(comment) or nil
      if block and first then
        file.text, first = block.text, false
        block = nil
      elseif block and block.class then
        file.classes[#file.classes + 1] = block
      end
      for _, statement in ipairs(statements) do
        local found = { source:match(statement[1], at) }
        if found[1] then
          statement[2](file, block, (table.unpack or unpack)(found))  -- luacheck: ignore
          break
        end
      end
      first, comment = first and line == "", {}
    end
    at = at + #line + 1
  end
  file.owners[file.exported or ""] = nil
  for i = #file.classes, 1, -1 do
    if file.classes[i].owner and file.classes[i].owner == file.exported then
      table.remove(file.classes, i)
    end
  end
  if file.locals[file.exported] then                         -- the module is one function
    file.members[1] = { owner = file.exported, separator = "", name = "", value = file.exported }
  end
  for class, owner in source:gmatch '__name = "([%w_.]+)"[^}]-__index = ([%w_]+)' do
    for _, block in ipairs(file.classes) do
      file.owners[owner] = file.owners[owner] or block.class == class and block or nil
    end
    if not file.owners[owner] then
      file.owners[owner] = { class = class, text = "", fields = {} }
      file.classes[#file.classes + 1] = file.owners[owner]
    end
  end
  return file
end

local function read(path)
  local file = assert(io.open(path))
  local source = file:read "*a"
  file:close()
  return source
end

local function each_file(visit)
  local list = assert(io.popen "LC_ALL=C find docs/meta lua -name '*.lua' | LC_ALL=C sort")
  for path in list:lines() do
    local source = read(path)
    local module = path:gsub("^lua/", ""):gsub("%.lua$", ""):gsub("/init$", ""):gsub("/", ".")
    if path ~= "lua/dynamodb/model.lua" then
      visit(source, source:match "^%-%-%-@meta ([%w_.]+)" or module)
    end
  end
  list:close()
end

-- A module may be described in two places: here `file` takes over what its meta file says, which wins.
local function merge(file, meta)
  local known = {}
  for i, member in ipairs(meta.members) do
    known[member.name] = true
    member.owner = file.exported
    table.insert(file.members, i, member)
  end
  for i = #file.members, #meta.members + 1, -1 do
    if known[file.members[i].name] then
      table.remove(file.members, i)
    end
  end
end

-- What the value of `member` stands for: a local function, or a member of another module.
local function resolve(files, file, member)
  local here = file.locals[member.value]
  local module, name = (member.value or ""):match "^([%w_]+)%.([%w_]+)$"
  local there = files[file.requires[module]]
  for _, other in ipairs(there and there.members or {}) do
    if other.owner == there.exported and other.name == name then
      return resolve(files, there, other) or other
    end
  end
  return here
end

-- The public members of `file`, with their titles: what its module returns and the methods of its classes.
local function settle(files, file)
  local members = {}
  for _, member in ipairs(file.members) do
    local meant = member.value and resolve(files, file, member)
    local class = file.owners[member.owner]
    member.params = member.params or meant and meant.params
    member.doc = member.doc or meant and meant.doc
    member.class = class
    local public = member.owner == file.exported or class or member.owner:find "_methods$"
    local worth = member.doc or not member.value         -- a plain value without a docstring is nobody's business
    if public and worth and not member.name:find "^_" and not (member.doc and member.doc.private) then
      local owner = class and class.class:match "[%w_]+$" or member.owner
      owner = member.owner == file.exported and file.module or owner
      member.title = owner .. member.separator .. member.name
        .. (member.params and "(" .. table.concat(member.params, ", ") .. ")" or "")
      members[#members + 1] = member
    end
  end
  file.public = members
end

--- Every module with docstrings, by name and as a sorted list.
---@return table<string, table> files, string[] names
function docs.collect()
  local files, names = {}, {}
  each_file(function(source, module)
    local meta = files[module]
    files[module] = docs.parse(source, module)
    if meta then
      merge(files[module], meta)
    else
      names[#names + 1] = module
    end
  end)
  for _, name in ipairs(names) do
    settle(files, files[name])
  end
  return files, names
end

-- ------------------------------------------------------------------------------------------------------ markdown ----

local function anchor(title)
  return "#" .. title:lower():gsub("[^%w%- _]", ""):gsub(" ", "-")
end

local function render_list(out, list, classes, prefix)
  for _, item in ipairs(list) do
    local type = "`" .. item.type .. "`"
    local class = item.type:match "^[%w_.]+"
    if classes[class] then
      type = "[" .. type .. "](" .. anchor("class " .. class) .. ")"
    end
    local name = item.name and "`" .. item.name .. (item.optional or "") .. "` " or ""
    out[#out + 1] = "- " .. prefix .. name .. type .. (item.text ~= "" and ": " .. item.text or "")
  end
end

local function render_member(out, member, classes)
  out[#out + 1] = (member.class and "#### " or "### ") .. member.title .. "\n"
  local doc = member.doc or parse_block {}
  out[#out + 1] = doc.text ~= "" and doc.text .. "\n" or nil
  out[#out + 1] = doc.type and "Type: `" .. doc.type .. "`\n" or nil
  render_list(out, doc.params, classes, "")
  render_list(out, doc.returns, classes, "returns ")
  out[#out + 1] = #doc.params + #doc.returns > 0 and "" or nil
end

local function render_module(out, file, classes)
  out[#out + 1] = "## " .. file.module .. "\n"
  out[#out + 1] = file.text ~= "" and file.text .. "\n" or nil
  for _, member in ipairs(file.public) do
    if not member.class then
      render_member(out, member, classes)
    end
  end
  for _, class in ipairs(file.classes) do
    if not class.private then
      out[#out + 1] = "### class " .. class.class .. "\n"
      out[#out + 1] = class.text ~= "" and class.text .. "\n" or nil
      render_list(out, class.fields, classes, "")
      out[#out + 1] = #class.fields > 0 and "" or nil
      for _, member in ipairs(file.public) do
        if member.class == class then
          render_member(out, member, classes)
        end
      end
    end
  end
end

--- The text of the reference.
---@return string
function docs.render()
  local files, names = docs.collect()
  local order, classes, rank = {}, {}, {}
  for i, name in ipairs(docs.public) do
    rank[name] = i
  end
  for _, name in ipairs(names) do
    if #files[name].public + #files[name].classes > 0 then
      order[#order + 1] = name
    end
    for _, class in ipairs(files[name].classes) do
      classes[class.class] = not class.private
    end
  end
  table.sort(order, function(a, b)
    local left, right = rank[a] or 1000, rank[b] or 1000
    return left < right or left == right and a < b
  end)
  local out = { "# Reference\n", "Written by `make docs` from the docstrings; do not edit.\n" }
  for _, name in ipairs(order) do
    out[#out + 1] = ("- [%s](%s)"):format(files[name].module, anchor(files[name].module))
  end
  out[#out + 1] = ""
  local inside
  for _, name in ipairs(order) do
    if not rank[name] and not inside then
      inside = true
      out[#out + 1] = "# Inside the library\n\nFor those who work on it; these modules may change in any release.\n"
    end
    render_module(out, files[name], classes)
  end
  return (table.concat(out, "\n"):gsub("%s+$", "") .. "\n")
end

if (...) == "tools.docs" then
  return docs
end

local file = assert(io.open((...) or docs.output, "w"))
file:write(docs.render())
file:close()
