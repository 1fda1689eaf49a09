--- The public test vectors, which are not a part of this repository. A spec that does not find them is pending.
local cjson = require "cjson"
local lfs = require "lfs"

local vectors = { root = os.getenv "DYNAMODB_VECTORS" or "../shared/vectors" }

--- The text of one file, or nil.
---@param path string    below the vectors' root
---@return string?
function vectors.read(path)
  local file = io.open(vectors.root .. "/" .. path, "rb")
  if not file then return nil end
  local text = file:read "*a"
  file:close()
  return text
end

--- One JSON file, decoded, or nil. JSON's null is nil's place-holder `vectors.null`.
---@param path string
---@return table?
function vectors.json(path)
  local text = vectors.read(path)
  return text and cjson.decode(text)
end

--- The names in one folder, sorted; none when the vectors are absent.
---@param path string
---@return string[]
function vectors.list(path)
  local names, folder = {}, vectors.root .. "/" .. path
  if lfs.attributes(folder, "mode") ~= "directory" then return names end
  for name in lfs.dir(folder) do
    if name:sub(1, 1) ~= "." then names[#names + 1] = name end
  end
  table.sort(names)
  return names
end

vectors.null = cjson.null
vectors.decode = cjson.decode

return vectors
