--- Writes docs/reference.md from the LuaCATS docstrings of the Lua modules and of docs/meta (for the C modules).
--- Run it as `make docs` or `lua5.4 tools/docs.lua [output]`. It reads the few forms of code that this library has:
--- functions, methods and values at the left margin, and a module that ends in `return x` or `return { name = value }`.
local docs = { output = "docs/reference.md" }

--- What a program loads or calls, in the order in which one meets it. The classes of the objects that it gets from
--- these follow; everything else is the inside of the library, and documented where it is.
docs.public = { "dynamodb", "dynamodb.expression.operators", "dynamodb.time", "dynamodb.streams", "dynamodb.lambda",
  "dynamodb.lambda.http", "dynamodb.lambda.events", "dynamodb.lambda.idempotency", "dynamodb.lambda.metrics",
  "dynamodb.nginx", "dynamodb.migrate", "dynamodb.system", "dynamodb.core" }
--- Modules of which a program uses these functions, and the library the others.
docs.shown = { ["dynamodb.system"] = { interrupts = true } }
--- How a program calls a module that it does not load itself.
docs.names = { ["dynamodb.expression.operators"] = "dynamodb.expr" }

-- ---------------------------------------------------------------------------------------------------- docstrings ----

-- "table<string, any>? the rest" -> the type and the rest: a type ends at the first space outside brackets and quotes
-- that is not beside "|", nor after ":" or ",".
local function split_type(text)
  local depth, quoted = 0, false
  for i = 1, #text do
    local char = text:sub(i, i)
    if char == '"' then
      quoted = not quoted
    elseif char:find "[%(%[{<]" then
      depth = depth + 1
    elseif char:find "[%)%]}>]" then
      depth = depth - 1
    elseif char == " " and depth == 0 and not quoted
      and not text:sub(1, i):find "[|:,] +$" and not text:find("^ +|", i) then
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
  local inner = rest:match "^private%s+(.*)$"
  local field = tags.param({ params = {} }, inner or rest)
  if not inner then
    block.fields[#block.fields + 1] = field
  end
  return field
end

tags["return"] = function(block, rest)
  local type, text = split_type(rest)
  local name = text:match "^([%w_]+)$" or text:match "^([%w_.]+)%s%s"
  text = name and text:match "^[%w_.]+%s*(.*)$" or text
  block.returns[#block.returns + 1] = { type = type, name = name, text = text }
  return block.returns[#block.returns]
end

function tags.class(block, rest)
  block.class, rest = rest:gsub("^%(%w+%)%s*", ""):match "^([%w_.]+)(.*)$"
  block.parent = rest:match "^%s*:%s*([%w_.]+)"
  block.about = { text = rest:match "%s%s+(.*)$" or "" }
  return block.about
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
      file.owners[owner] = { class = class, about = { text = "" }, text = "", fields = {} }
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

-- Calls `visit` with the name of each class that a text names.
local function each_class(text, classes, visit)
  for name in text:gmatch "dynamodb%.[%w_.]*[%w_]" do
    if classes[name] then visit(name) end
  end
end

local function render_list(out, list, classes, prefix)
  for _, item in ipairs(list) do
    local type, class = "`" .. item.type .. "`", nil
    each_class(item.type, classes, function(name) class = class or name end)
    if class then
      type = "[" .. type .. "](" .. anchor("class " .. class) .. ")"
    end
    local name = item.name and "`" .. item.name .. (item.optional or "") .. "` " or ""
    out[#out + 1] = "- " .. prefix .. name .. type .. (item.text ~= "" and ": " .. item.text or "")
  end
end

local function render_member(out, member, classes)
  out[#out + 1] = "### " .. member.title .. "\n"
  local doc = member.doc or parse_block {}
  out[#out + 1] = doc.text ~= "" and doc.text .. "\n" or nil
  out[#out + 1] = doc.type and "Type: `" .. doc.type .. "`\n" or nil
  render_list(out, doc.params, classes, "")
  render_list(out, doc.returns, classes, "returns ")
  out[#out + 1] = #doc.params + #doc.returns > 0 and "" or nil
end

-- One chapter of the reference: a module, or a class.
local function render_chapter(out, chapter, classes)
  out[#out + 1] = "## " .. chapter.title .. "\n"
  for _, text in ipairs(chapter.texts) do
    out[#out + 1] = text ~= "" and text .. "\n" or nil
  end
  render_list(out, chapter.fields, classes, "")
  out[#out + 1] = #chapter.fields > 0 and "" or nil
  for _, member in ipairs(chapter.members) do
    render_member(out, member, classes)
  end
end

local function render_contents(out, chapters)
  for _, chapter in ipairs(chapters) do
    local names = {}
    for i, member in ipairs(chapter.members) do
      names[i] = ("[%s](%s)"):format(member.name:gsub("_$", "\\_"), anchor(member.title))
    end
    out[#out + 1] = ("- [%s](%s)%s"):format(chapter.title, anchor(chapter.title), #names > 0 and ": " or "")
      .. table.concat(names, ", ")
  end
  out[#out + 1] = ""
end

-- Has the module called `title` a chapter of its own?
local function is_public(title)
  for _, name in ipairs(docs.public) do
    if (docs.names[name] or name) == title then return true end
  end
  return false
end

local function module_chapter(file, name)
  local shown = docs.shown[name]
  local chapter = { title = file.module, texts = { file.text }, fields = {}, members = {} }
  for _, member in ipairs(file.public) do
    if not member.class and (not shown or shown[member.name]) and not is_public(member.title) then
      chapter.members[#chapter.members + 1] = member
    end
  end
  return chapter
end

local function class_chapter(class, classes)
  local chapter = { title = "class " .. class.class, fields = {}, members = {} }
  chapter.texts = { class.about.text, class.text }
  local parent, file = classes[class.parent], class.file
  for _, field in ipairs(parent and parent.fields or {}) do
    chapter.fields[#chapter.fields + 1] = field
  end
  for _, field in ipairs(class.fields) do
    chapter.fields[#chapter.fields + 1] = field
  end
  for _, member in ipairs(file.public) do
    if member.class == class then
      chapter.members[#chapter.members + 1] = member
    end
  end
  if file.classes[1] == class and #chapter.members > 0 and not is_public(file.module) then
    table.insert(chapter.texts, 1, file.text)                  -- the module is there for the class
  end
  return chapter
end

-- What `chapter` describes one by one: fields, parameters and results.
local function lists_of(chapter)
  local lists = { chapter.fields }
  for _, member in ipairs(chapter.members) do
    lists[#lists + 1] = member.doc and member.doc.params
    lists[#lists + 1] = member.doc and member.doc.returns
  end
  return lists
end

-- The modules of docs.public, each with the classes of what its functions take and give, which were not there before.
local function collect_chapters(files, classes)
  local chapters, taken = {}, {}
  local function add(chapter)
    chapters[#chapters + 1] = chapter
    local function visit(name)
      if taken[name] then return end
      taken[name] = true
      add(class_chapter(classes[name], classes))
    end
    for _, text in ipairs(chapter.texts) do
      each_class(text, classes, visit)
    end
    for _, list in ipairs(lists_of(chapter)) do
      for _, item in ipairs(list) do
        each_class(item.type .. " " .. item.text, classes, visit)
      end
    end
    for _, member in ipairs(chapter.members) do
      each_class(member.doc and member.doc.text or "", classes, visit)
    end
  end
  for _, name in ipairs(docs.public) do
    add(module_chapter(files[name], name))
  end
  return chapters
end

--- The text of the reference.
---@return string
function docs.render()
  local files, names = docs.collect()
  local classes = {}
  for _, name in ipairs(names) do
    for _, class in ipairs(files[name].classes) do
      if not class.private then
        assert(not classes[class.class], class.class .. " is the name of two classes")
        class.file, classes[class.class] = files[name], class
      end
    end
  end
  local out = { "# Reference\n", "Written by `make docs` from the docstrings; do not edit.\n" }
  local chapters = collect_chapters(files, classes)
  render_contents(out, chapters)
  for _, chapter in ipairs(chapters) do
    render_chapter(out, chapter, classes)
  end
  return (table.concat(out, "\n"):gsub("%s+$", "") .. "\n")
end

if (...) == "tools.docs" then
  return docs
end

local file = assert(io.open((...) or docs.output, "w"))
file:write(docs.render())
file:close()
