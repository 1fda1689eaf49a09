--- The options that say which DynamoDB is meant, named as in the AWS CLI.
local exit = require "dynamodb.cli.support.exit"

local connection = {}

local OPTIONS = {
  { "--profile", "<name>", "A profile of the shared config and credentials files." },
  { "--region", "<region>", "Else of the environment or the profile." },
  { "--endpoint-url", "<url>", "Another endpoint than AWS's own, as http://localhost:8000." },
  { "--ca-bundle", "<file>", "Certificate authorities, instead of the system's." },
}

local NAMES = { "profile", "region", "endpoint_url", "ca_bundle", "no_verify_ssl" }

--- Adds the options to a command.
---@param command table     of argparse
---@param prefix string     of the arguments' names: what stands before the command's name is kept apart from what
---                         stands behind it
function connection.define(command, prefix)
  local options = {}
  for i, option in ipairs(OPTIONS) do
    local name = option[1]:sub(3):gsub("-", "_")
    options[i] = command:option(option[1], option[3]):argname(option[2]):target(prefix .. name)
  end
  options[#options + 1] = command:flag("--no-verify-ssl", "Trust every certificate.")
    :target(prefix .. "no_verify_ssl")
  command:group("Connection", (table.unpack or unpack)(options))
end

--- Adds the options for the other table of a command.
---@param command table
function connection.define_target(command)
  command:group("Connection of the target, if it is another one",
    command:option("--target-profile", "Else --profile."):argname "<name>",
    command:option("--target-region", "Else --region."):argname "<region>",
    command:option("--target-endpoint-url", "Else --endpoint-url, if there is no --target option at all.")
      :argname "<url>")
end

--- One set of options of those that stand before the command's name and those behind it.
---@param given table     of argparse; what stood behind wins
---@param prefix string
---@return table given
function connection.merge(given, prefix)
  for _, name in ipairs(NAMES) do
    if given[name] == nil then given[name] = given[prefix .. name] end
  end
  return given
end

--- Asks for the code of a device, for roles that want one.
local function ask_mfa(serial)
  io.stderr:write("MFA code of ", serial, ": ")
  return io.read "*l"
end

--- Is the target reached in another way than the source?
---@param given table    of argparse
---@return boolean
function connection.has_target(given)
  return (given.target_profile or given.target_region or given.target_endpoint_url) ~= nil
end

--- The options of `connect`.
---@param given table           of argparse
---@param is_target boolean     the other table's
---@return table options
function connection.options(given, is_target)
  local profile, region, endpoint = given.profile, given.region, given.endpoint_url
  if is_target then
    profile, region, endpoint = given.target_profile or profile, given.target_region or region,
      given.target_endpoint_url -- an engine on this machine is hardly where the other table is, too
  end
  for name, value in pairs { ["--profile"] = profile, ["--region"] = region, ["--endpoint-url"] = endpoint } do
    if value == "" then exit.refuse(name .. " is empty") end
  end
  return {
    profile = profile, region = region, endpoint = endpoint, ca_bundle = given.ca_bundle,
    verify = not given.no_verify_ssl, mfa_token = ask_mfa,
    user_agent = "cmd/dynamodb." .. given.command,
  }
end

return connection
