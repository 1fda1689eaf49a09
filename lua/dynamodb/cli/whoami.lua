--- `dynamodb whoami`: where region, endpoint and credentials come from.
local arguments = require "dynamodb.cli.support.arguments"
local core = require "dynamodb.core"
local exit = require "dynamodb.cli.support.exit"

local command = {}

command.summary = "Tell who asks DynamoDB, and where: profile, region, endpoint, credentials."

command.description = "Tells where the profile, the region, the endpoint and the credentials come from that the other "
  .. "commands use. Credentials are fetched; nothing is sent to DynamoDB, and no secret is shown."

--- Adds its arguments.
---@param parser table    of argparse
function command.define(parser)
  parser:group("Options",
    arguments.output(parser, "the answer is"))
end

--- Runs it.
---@param session dynamodb.cli.Session
---@return integer code
function command.run(session)
  local identity, err = session:client():whoami()
  if not identity then error(err, 0) end
  local text = session.format == "table" and tostring(identity) or core.json_encode {
    profile = identity.profile, region = identity.region, endpoint = identity.endpoint,
    credentials = identity.credentials,
  }
  session:write(text .. "\n")
  return exit.DONE
end

return command
