--- CSV (RFC 4180) whose header has types: `pk:S,sk:N,tags:SS`. An attribute that is of several types has a column for
--- each. A cell that is empty and not quoted is an attribute that is not there. Lists and maps are DynamoDB JSON, sets
--- are JSON arrays, binaries base64.
local core = require "dynamodb.core"
local files = require "dynamodb.migrate.files"
local ordered = require "dynamodb.formats.ordered"

local format = { extension = "csv" }

local LONGEST = 2 ^ 24 -- bytes of a record: an item of 400 KB, whose text may be several times as long

local TYPES = { S = true, N = true, B = true, BOOL = true, NULL = true, SS = true, NS = true, BS = true, L = true,
  M = true }

---@class dynamodb.CsvColumn
---@field name string
---@field type string
---@field title string    "name:S"

--- A column as it is written in a header: "name:S", or a name alone, which is a string.
---@param title string
---@return dynamodb.CsvColumn
local function column_of(title)
  local name, kind = title:match "^(.*):(%u+)$"
  if not TYPES[kind] then name, kind = title, "S" end
  return { name = name, type = kind, title = name .. ":" .. kind }
end

-- --------------------------------------------------------------------------------------------------- writing ----

---@param text string
---@return string
local function quoted(text) return '"' .. text:gsub('"', '""') .. '"' end

--- A cell.
---@param text string
---@return string
local function cell(text)
  if text == "" or text:find '[",\r\n]' or text:find "^%s" or text:find "%s$" then return quoted(text) end
  return text
end

--- The type of a value and the text of its cell.
---@param value any
---@return string kind
---@return string text
local function cell_of(value)
  local typed = ordered.typed { v = value } -- {"v":{"S":"…"}}
  local kind, content = typed:match '^{"v":{"(%u+)":(.*)}}$'
  if kind == "S" then return kind, cell(value) end
  if kind == "N" then return kind, (content:gsub('"', "")) end
  if kind == "B" then return kind, cell((content:gsub('"', ""))) end
  if kind == "BOOL" or kind == "NULL" then return kind, content end
  return kind, cell(content)
end

--- The columns that a list of items needs, in the order of their names, keys first.
---@param items table[]
---@param keys dynamodb.KeySchema
---@return string[]
function format.columns(items, keys)
  local titles, seen = {}, {}
  for _, item in ipairs(items) do
    for name, value in pairs(item) do
      local title = name .. ":" .. cell_of(value)
      if not seen[title] then
        seen[title] = true
        titles[#titles + 1] = title
      end
    end
  end
  local function rank(title)
    local name = column_of(title).name
    return name == keys.partition and 1 or name == keys.sort and 2 or 3
  end
  table.sort(titles, function(a, b)
    local first, second = rank(a), rank(b)
    return first < second or first == second and a < b
  end)
  return titles
end

--- A writer for these columns.
---@param titles string[]
---@return table writer    `header` is the first line; `write(item)` gives a text, or nil and the attribute that has no
---                        column
function format.writer(titles)
  local columns, places, cells = {}, {}, {}
  for i, title in ipairs(titles) do
    columns[i] = column_of(title)
    places[columns[i].title] = i
    cells[i] = cell(columns[i].title)
  end
  local header = table.concat(cells, ",") .. "\n"
  local function write(item)
    local row = {}
    for i = 1, #columns do row[i] = "" end
    for name, value in pairs(item) do
      local kind, text = cell_of(value)
      local place = places[name .. ":" .. kind]
      if not place then return nil, name .. ":" .. kind end
      row[place] = text
    end
    return table.concat(row, ",") .. "\n"
  end
  return { header = header, write = write }
end

-- --------------------------------------------------------------------------------------------------- reading ----

--- The line with those behind it, as far as the next quote.
---@param input dynamodb.FileInput
---@param line string
---@return string? longer
---@return dynamodb.Error|string|nil problem
---@return string? raw
local function up_to_quote(input, line)
  local parts, length = { line }, #line
  repeat
    local more, err = input:line()
    if err then return nil, err end
    if not more then return nil, "a quoted cell does not end", table.concat(parts, "\n") .. "\n" end
    parts[#parts + 1], length = more, length + #more + 1
    if length > LONGEST then
      return nil, files.failure(input.path, "a quoted cell is too long to be an attribute", "DamagedFile")
    end
  until more:find('"', 1, true)
  return table.concat(parts, "\n")
end

--- The cells of a record that begins with `line`; quoted ones may go over several lines.
---@param input dynamodb.FileInput
---@param line string
---@return { text: string, quoted: boolean }[]? cells
---@return string|dynamodb.Error|nil problem
---@return string raw
local function read_cells(input, line)
  local cells, at = {}, 1
  while true do
    local text, stop = line:match('^([^,"]*)()', at)
    if line:sub(at, at) == '"' then
      local from = at + 1
      local close = line:match('^[^"]*()"', from)
      while true do
        while not close do
          local longer, problem, raw = up_to_quote(input, line)
          if not longer then return nil, problem, raw end
          close = longer:find('"', #line + 1, true)
          line = longer
        end
        if line:sub(close + 1, close + 1) ~= '"' then break end
        close = line:find('"', close + 2, true)
      end
      text, stop = line:sub(from, close - 1):gsub('""', '"'), close + 1
      cells[#cells + 1] = { text = text, quoted = true }
    else
      if stop > #line then text = text:gsub("\r$", "") end
      cells[#cells + 1] = { text = text, quoted = false }
    end
    local after = line:sub(stop, stop)
    if stop == #line and after == "\r" then after = "" end
    if after == "" then return cells, nil, line .. "\n" end
    if after ~= "," then return nil, ("a quote inside of cell %d"):format(#cells), line .. "\n" end
    at = stop + 1
  end
end

--- The JSON of a typed value, from a cell.
---@param kind string
---@param text string
---@return string
local function typed_json(kind, text)
  local content = text
  if kind == "S" or kind == "N" or kind == "B" then content = core.json_encode(text) end
  return ('{"%s":'):format(kind) .. content .. "}"
end

--- The item of a record.
---@param columns dynamodb.CsvColumn[]
---@param cells table[]
---@return table? item
---@return string? message
local function item_of(columns, cells)
  if #cells ~= #columns then
    return nil, ("%d cells, and the header has %d columns"):format(#cells, #columns)
  end
  local item = {}
  for i, column in ipairs(columns) do
    local text = cells[i].text
    if text ~= "" or cells[i].quoted then
      local ok, json = pcall(typed_json, column.type, text)
      local value, message
      if ok then value, message = core.unmarshal_value(json) else message = json end
      if value == nil then return nil, ("column %s: %s"):format(column.title, tostring(message)) end
      if item[column.name] ~= nil then
        return nil, ("column %s: another column has a value for it"):format(column.title)
      end
      item[column.name] = value
    end
  end
  if next(item) == nil then return nil, "the item is empty" end
  return item
end

--- A reader of the items of a file. The header is read at once, so that `skip_to` can follow.
---@param input dynamodb.FileInput
---@return table? reader     as of dynamodb.formats.dynamodb_json, with `header`, as it stands there
---@return dynamodb.Error|string|nil problem
function format.reader(input)
  local line, err = input:line()
  if not line then return nil, err or "the file has no header" end
  local titles, problem, header = read_cells(input, line)
  if not titles then return nil, problem end
  local columns = {}
  for i, title in ipairs(titles) do
    columns[i] = column_of(title.text)
    titles[i] = columns[i].title
  end
  return {
    header = header,
    render = format.writer(titles).write,
    read = function()
      local text, failure
      repeat text, failure = input:line() until failure or not text or text:find "[^\r]"
      if not text then return nil, failure end
      local cells, message, raw = read_cells(input, text)
      if not cells and type(message) ~= "string" then return nil, message end
      local item
      if cells then item, message = item_of(columns, cells) end
      if not item then return nil, message, raw end
      return item, nil, raw
    end,
  }
end

return format
