--- Writes lua/dynamodb/model.lua, the table of operations, from AWS's service model.
--- Run it as `lua5.4 tools/model.lua [output]`; the model's folder is ../shared/model or $DYNAMODB_MODEL.
--- The newest model (november-2026.json) decides; dynamodb.json is read for a second opinion, and what the two say
--- differently is printed. The Streams operations stand in dynamodbstreams.json alone.
local cjson = require "cjson"

local model = { output = "lua/dynamodb/model.lua", folder = os.getenv "DYNAMODB_MODEL" or "../shared/model" }

local function read_json(name)
  local file, message = io.open(model.folder .. "/" .. name)
  if not file then
    return nil, message
  end
  local text = file:read "*a"
  file:close()
  return cjson.decode(text)
end

local function sorted_keys(map)
  local keys = {}
  for key in pairs(map) do
    keys[#keys + 1] = key
  end
  table.sort(keys)
  return keys
end

-- One view of the two file formats: a type is { kind = "plain" | "value" | "list" | "map" | "structure" }; a list or a
-- map has the type `of` its elements, a structure its `name` and its `members`, an array of { name, type } in which the
-- required ones stand first.

local plain, value = { kind = "plain" }, { kind = "value" }

local function structure(name, members, required, resolve)
  local order, seen = {}, {}
  for _, list in ipairs { required, sorted_keys(members) } do
    for _, member in ipairs(list) do
      if not seen[member] then
        seen[member] = true
        order[#order + 1] = { name = member, type = resolve(members[member]) }
      end
    end
  end
  return { kind = "structure", name = name, members = order }
end

-- Types of november-2026.json, where a member's type is the name of a shape or a word such as "list<string>".
local function new_js_types(data)
  local types = { AttributeValue = value }
  local function resolve(name)
    if types[name] then
      return types[name]
    end
    local made = plain
    if data.structures[name] then
      made = structure(name, data.structures[name].members, data.structures[name].required, resolve)
    elseif data.lists[name] or name:match "^list<" then
      made = { kind = "list", of = resolve(data.lists[name] or name:match "<(.*)>") }
    elseif data.maps[name] or name:match "^map<" then
      made = { kind = "map", of = resolve(data.maps[name] and data.maps[name][2] or name:match ",(.*)>") }
    end
    types[name] = made
    return made
  end
  return resolve
end

-- Types of dynamodb.json and dynamodbstreams.json, where a member is { shape = name, traits… }.
local function new_botocore_types(data)
  local types = { AttributeValue = value }
  local function resolve(member)
    if not member then                                       -- an operation without output
      return plain
    elseif types[member.shape] then
      return types[member.shape]
    end
    local name, shape = member.shape, data.shapes[member.shape]
    local made = plain
    if shape.type == "structure" then
      made = structure(name, shape.members, shape.required or {}, resolve)
    elseif shape.type == "list" then
      made = { kind = "list", of = resolve(shape.member) }
    elseif shape.type == "map" then
      made = { kind = "map", of = resolve(shape.value) }
    end
    types[name] = made
    return made
  end
  return resolve
end

-- Where an operation names what it works on, as the endpoint rules want it: a path of members, `[]` for each element of
-- a list, `{}` for the keys of a map, `|` between alternatives.
local function js_endpoint(context)
  local get = context:match "get: (.*) }, }"
  if not get then
    return context:match 'name: "(%w+)"'
  end
  if get:match "Object%.keys" then
    return get:match "input%?%.(%w+)" .. "{}"
  end
  local list, rest = get:match "input%?%.(%w+)%?%.map(.*)"
  if not list then
    return (get:match "input%?(%.[%w?.]+)":gsub("%?", ""):sub(2))
  end
  local names, last = {}, nil
  for name, member in rest:gmatch "obj%?%.(%w+)%?%.(%w+)" do
    names[#names + 1], last = name, member
  end
  return list .. "[]." .. table.concat(names, "|") .. "." .. last
end

local function botocore_endpoint(operation, data)
  for name, member in pairs(data.shapes[operation.input.shape].members) do
    if member.contextParam then
      return name
    end
  end
  local _, context = next(operation.operationContextParams or {})
  if context then
    local keys = context.path:match "^keys%((%w+)%)$"
    local list, alternatives = context.path:match "^(%w+)%[%*%]%.%[(.*)%]%[%]$"
    if list then
      local last = alternatives:match "%.(%w+)$"
      return list .. "[]." .. alternatives:gsub("%." .. last, ""):gsub(", ", "|") .. "." .. last
    end
    return keys and keys .. "{}" or (context.path:gsub("%[%*%]", "[]"))
  end
end

-- ---------------------------------------------------------------------------------------------------- shape text ----

-- Does any path of `type` lead to an AttributeValue?
local function has_value(type)
  if type.kind == "structure" then
    for _, member in ipairs(type.members) do
      if has_value(member.type) then
        return true
      end
    end
    return false
  end
  return type.kind == "value" or type.of ~= nil and has_value(type.of)
end

-- The shape text of `type`; `only_values` leaves out what does not lead to an AttributeValue. A structure of which
-- `shared` has the name is written as "<Name>".
local function shape_text(type, only_values, shared)
  if type.kind == "plain" or only_values and not has_value(type) then
    return ""
  elseif type.kind == "value" then
    return "v"
  elseif type.kind == "map" and type.of.kind == "value" then
    return "i"
  elseif type.kind == "list" then
    return "[" .. shape_text(type.of, only_values, shared) .. "]"
  elseif type.kind == "map" then
    return "{" .. shape_text(type.of, only_values, shared) .. "}"
  elseif shared and shared[type.name] then
    return "<" .. type.name .. ">"
  end
  local members = {}
  for _, member in ipairs(type.members) do
    if not only_values or has_value(member.type) then
      local text = shape_text(member.type, only_values, shared)
      members[#members + 1] = member.name .. (text == "" and "" or " ") .. text
    end
  end
  return #members == 0 and "{}" or "(" .. table.concat(members, ",") .. ")"
end

-- The structures that several inputs or structures use and that are long enough to be worth a name, inner ones first.
local function shared_structures(operations)
  local uses, order, shared = {}, {}, {}
  local function visit(type)
    if type.of then
      return visit(type.of)
    elseif type.kind ~= "structure" then
      return
    end
    uses[type.name] = (uses[type.name] or 0) + 1
    if uses[type.name] == 1 then
      for _, member in ipairs(type.members) do
        visit(member.type)
      end
      order[#order + 1] = type
    end
  end
  for _, name in ipairs(sorted_keys(operations)) do
    visit(operations[name].input)
  end
  local list = {}
  for _, type in ipairs(order) do
    if uses[type.name] > 1 and #shape_text(type) > 60 then
      list[#list + 1] = type
    end
  end
  for _, type in ipairs(list) do
    shared[type.name] = true
  end
  return list, shared
end

-- ---------------------------------------------------------------------------------------------------- operations ----

local READS = { "^Get", "^BatchGet", "^TransactGet", "^Query$", "^Scan$", "^Describe", "^List", "^SearchVectors$" }

local function is_read(name)
  for _, pattern in ipairs(READS) do
    if name:match(pattern) then
      return true
    end
  end
end

local function js_operations(data)
  local operations, resolve = {}, new_js_types(data)
  for name, operation in pairs(data.operations) do
    local token
    for member, type in pairs(data.structures[operation.input].members) do
      token = type:match "idempotencyToken" and member or token
    end
    operations[name] = {
      service = "dynamodb", read = is_read(name), token = token,
      search = operation.endpointContext:match "IsSearchOperation" and true,
      endpoint = js_endpoint(operation.endpointContext),
      input = resolve(operation.input), output = resolve(operation.output),
    }
  end
  return operations
end

local function botocore_operations(data, service)
  local operations, resolve = {}, new_botocore_types(data)
  for name, operation in pairs(data.operations) do
    local token
    for member, traits in pairs(data.shapes[operation.input.shape].members) do
      token = traits.idempotencyToken and member or token
    end
    operations[name] = {
      service = service, read = is_read(name), token = token,
      search = operation.staticContextParams and operation.staticContextParams.IsSearchOperation.value,
      endpoint = botocore_endpoint(operation, data),
      input = resolve(operation.input), output = resolve(operation.output),
    }
  end
  return operations
end

-- Appends to `notes` what two types say differently, by path.
local function compare_types(notes, path, newer, older)
  if newer.kind ~= older.kind then
    notes[#notes + 1] = path .. ": " .. newer.kind .. " in the newer model, " .. older.kind .. " in the older"
  elseif newer.of then
    compare_types(notes, path .. "[]", newer.of, older.of)
  elseif newer.members then
    local members = {}
    for _, member in ipairs(older.members) do
      members[member.name] = member.type
    end
    for _, member in ipairs(newer.members) do
      local here = path .. "." .. member.name
      if members[member.name] then
        compare_types(notes, here, member.type, members[member.name])
      else
        notes[#notes + 1] = here .. ": only in the newer model"
      end
      members[member.name] = nil
    end
    for _, name in ipairs(sorted_keys(members)) do
      notes[#notes + 1] = path .. "." .. name .. ": only in the older model"
    end
  end
end

local function compare_operations(newer, older)
  local notes = {}
  for _, name in ipairs(sorted_keys(newer)) do
    local new, old = newer[name], older[name]
    if not old then
      notes[#notes + 1] = name .. ": only in the newer model"
    else
      for _, field in ipairs { "endpoint", "search", "token" } do
        if new[field] ~= old[field] then
          notes[#notes + 1] = ("%s: %s is %s in the newer model, %s in the older"):format(
            name, field, tostring(new[field]), tostring(old[field]))
        end
      end
      compare_types(notes, name .. " input", new.input, old.input)
      compare_types(notes, name .. " output", new.output, old.output)
    end
  end
  for _, name in ipairs(sorted_keys(older)) do
    if not newer[name] then
      notes[#notes + 1] = name .. ": only in the older model"
    end
  end
  return notes
end

-- ---------------------------------------------------------------------------------------------------- Lua source ----

-- A Lua expression for shape text with "<Name>" references, broken after commas so that no line is too long.
local function lua_string(text, indent, first_column)
  local parts = {}
  for literal, name in (text .. "<>"):gmatch "([^<]*)<([%w_]*)>" do
    for piece in literal:gmatch "[^,]*,?" do
      if piece ~= "" then
        parts[#parts + 1] = { piece = piece }
      end
    end
    if name ~= "" then
      parts[#parts + 1] = { name = name }
    end
  end
  local lines, line, quoted = {}, "", false
  local room = 119 - first_column
  for _, part in ipairs(parts) do
    local more = part.name or (quoted and "" or '"') .. part.piece
    local joint = line == "" and "" or (part.name and quoted and '" .. ') or (part.name or not quoted) and " .. " or ""
    if line ~= "" and #line + #joint + #more > room then
      lines[#lines + 1] = line .. (quoted and '"' or "")
      line, joint, room = "", "", 119 - indent - 3
      more = part.name or '"' .. part.piece
    end
    line, quoted = line .. joint .. more, not part.name
  end
  lines[#lines + 1] = line .. (quoted and '"' or "")
  return table.concat(lines, "\n" .. (" "):rep(indent) .. ".. ")
end

-- `start` followed by `facts`, all on one line if there is room; otherwise each shape text begins a line of its own.
local function lay_out(start, facts)
  local whole = start .. " " .. table.concat(facts, " "):sub(1, -2) .. " },"
  if #whole <= 120 and not whole:find "\n" then
    return whole
  end
  local lines, line = {}, start
  for _, fact in ipairs(facts) do
    if fact:find "^%l+put = " or #line + 1 + #fact > 120 then
      lines[#lines + 1], line = line, "    " .. fact
    else
      line = line .. " " .. fact
    end
  end
  lines[#lines + 1] = line:sub(1, -2) .. " },"
  return table.concat(lines, "\n")
end

local HEAD = [[
--- The operations of DynamoDB and DynamoDB Streams: where AttributeValues stand, and what a client must know of each.
--- Generated from AWS's service model by `lua5.4 tools/model.lua`; do not edit.
---
--- input     shape text with every member (see core.shape): `v` an AttributeValue, `i` a map of them, `[]` a list,
---           `{}` a map with the user's keys, `()` a structure, a name alone a plain member
--- output    shape text of what leads to an AttributeValue; nil when nothing does
--- endpoint  the input member with the name or ARN that the endpoint rules look at: `[]` each element of a list,
---           `{}` the keys of a map, `|` between alternatives
--- read      the operation changes nothing; token: its idempotency member; search: it goes to the search hosts
]]

local TAIL = [[


local targets = { dynamodb = "DynamoDB_20120810.", streams = "DynamoDBStreams_20120810." }
for name, operation in pairs(operations) do
  operation.service = operation.service or "dynamodb"
  operation.target = targets[operation.service] .. name
end

return { operations = operations, error = "(Item i,CancellationReasons [(Item i)])" }
]]

--- The source of model.lua, and what the two models say differently; nil and a message without the model's folder.
---@return string? source
---@return string[]|string notes
function model.generate()
  local newest, message = read_json "november-2026.json"
  if not newest then
    return nil, message
  end
  local operations = js_operations(newest)
  local notes = compare_operations(operations, botocore_operations(assert(read_json "dynamodb.json"), "dynamodb"))
  for name, operation in pairs(botocore_operations(assert(read_json "dynamodbstreams.json"), "streams")) do
    operations[name] = operation
  end

  local list, shared = shared_structures(operations)
  local out = { HEAD }
  for _, type in ipairs(list) do
    shared[type.name] = nil
    local start = "local " .. type.name .. " = "
    out[#out + 1] = start .. lua_string(shape_text(type, false, shared), 2, #start)
    shared[type.name] = true
  end
  out[#out + 1] = "\nlocal operations = {"
  for _, name in ipairs(sorted_keys(operations)) do
    local operation = operations[name]
    local facts = {}
    for _, field in ipairs { "service", "read", "search", "token", "endpoint" } do
      local fact = operation[field]
      if fact and fact ~= "dynamodb" then
        facts[#facts + 1] = field .. " = " .. (fact == true and "true" or ('"%s"'):format(fact)) .. ","
      end
    end
    facts[#facts + 1] = "input = " .. lua_string(shape_text(operation.input, false, shared), 6, 12) .. ","
    if has_value(operation.output) then
      facts[#facts + 1] = "output = " .. lua_string(shape_text(operation.output, true), 6, 13) .. ","
    end
    out[#out + 1] = lay_out("  " .. name .. " = {", facts)
  end
  out[#out + 1] = "}"
  return table.concat(out, "\n") .. TAIL, notes
end

if (...) == "tools.model" then
  return model
end

local source, notes = model.generate()
if not source then
  io.stderr:write("no service model: ", notes, "\n")
  os.exit(1)
end
local output = (...) or model.output
local file = assert(io.open(output, "w"))
file:write(source)
file:close()
io.stderr:write(output, " written; the newer model and the older one differ in:\n  ", table.concat(notes, "\n  "), "\n")
