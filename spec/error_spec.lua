local errors = require "dynamodb.error"

describe("dynamodb.error", function()
  it("matches a code with or without the Exception ending", function()
    local err = errors.new { code = "ConditionalCheckFailedException" }
    assert.is_true(err:is "ConditionalCheckFailed")
    assert.is_true(err:is "ConditionalCheckFailedException")
    assert.is_false(err:is "TransactionCanceled")
    assert.is_true(errors.new { code = "Timeout" }:is "Timeout")
    assert.is_true(errors.new { code = "DuplicateItem" }:is "DuplicateItemException")
    assert.is_false(err:is(nil))
  end)

  it("reads well", function()
    local err = errors.new {
      code = "ResourceNotFoundException", message = "Cannot do operations on a non-existent table",
      operation = "PutItem", status = 400, request_id = "RID1", attempts = 1,
    }
    assert.equal("ResourceNotFoundException: Cannot do operations on a non-existent table"
      .. " (PutItem, HTTP 400, request id RID1)", tostring(err))
    err.table = "users"
    assert.matches("(PutItem of users, HTTP 400, request id RID1)", tostring(err), 1, true)
    assert.equal("Timeout", tostring(errors.new { code = "Timeout" }))
  end)

  it("says when a write may have been applied", function()
    local err = errors.new { code = "Timeout", message = "no answer", operation = "UpdateItem", ambiguous = true }
    assert.matches("it is unknown whether the write was applied", tostring(err), 1, true)
  end)

  it("knows what may succeed a moment later", function()
    for _, code in ipairs { "ThrottlingException", "ProvisionedThroughputExceededException", "ConnectionError" } do
      assert.is_true(errors.new { code = code }.retryable)
    end
    assert.is_true(errors.new { code = "503", status = 503 }.retryable)
    assert.is_false(errors.new { code = "501", status = 501 }.retryable)
    assert.is_false(errors.new { code = "ValidationException", status = 400 }.retryable)
    assert.is_false(errors.new { code = "CredentialsError" }.retryable)
    assert.is_false(errors.new { code = "Timeout", retryable = false }.retryable)
  end)

  it("tells its objects from other tables", function()
    assert.is_true(errors.is_error(errors.new { code = "Timeout" }))
    assert.is_false(errors.is_error { code = "Timeout" })
    assert.is_false(errors.is_error("Timeout"))
  end)

  it("takes secrets out of what the service quotes", function()
    local token, secret = "FwoGZXIvYXdzEXAMPLE+/==", "wJalrXUtnFEMI/K7MDENG"
    local body = { message = "canonical: x-amz-security-token:" .. token .. "\n" .. token .. " key " .. secret }
    local err = errors.new { code = "InvalidSignatureException", message = body.message, body = body }
    errors.redact(err, { session_token = token, secret_access_key = secret })
    for _, text in ipairs { tostring(err), err.message, err.body.message } do
      assert.is_nil(text:find(token, 1, true))
      assert.is_nil(text:find(secret, 1, true))
    end
    assert.matches("canonical: x-amz-security-token:[redacted]", err.message, 1, true)
  end)

  it("takes secrets out of everything but items", function()
    local secret = "wJalrXUtn%FEMI/K7.DENG"
    local item = { note = secret }
    local body = {
      __type = "a#" .. secret, Message = secret, deep = { { [secret] = "at " .. secret .. secret } }, Item = item,
      CancellationReasons = { { Code = "x", Message = secret, Item = item } },
    }
    local err = errors.redact(errors.new {
      code = secret, message = "m", request_id = secret, body = body, item = item,
      reasons = { { code = "None" }, { code = secret, message = "is " .. secret, item = item } },
    }, { secret_access_key = secret })
    assert.same({ "[redacted]", "[redacted]" }, { err.code, err.request_id })
    assert.same({ { code = "None" }, { code = "[redacted]", message = "is [redacted]", item = item } }, err.reasons)
    assert.same({
      __type = "a#[redacted]", Message = "[redacted]", deep = { { ["[redacted]"] = "at [redacted][redacted]" } },
      Item = item, CancellationReasons = { { Code = "x", Message = "[redacted]", Item = item } },
    }, err.body)
    assert.equal(secret, err.item.note)
  end)

  it("keeps what would soil a log out of code and messages", function()
    local soiled = "a\27[31m\0b\127 \r\nnext\ttab \195\164\226\130\172\240\159\152\128 \255\195 \194\155 \237\160\128"
    local clean = "a\\x1b[31m\\x00b\\x7f \nnext\ttab \195\164\226\130\172\240\159\152\128 \\xff\\xc3 "
      .. "\\xc2\\x9b \\xed\\xa0\\x80"
    local err = errors.redact(errors.new {
      code = "A\r\nB\27", message = soiled, request_id = "r\27", body = { message = soiled },
      reasons = { { code = "None\n", message = soiled } },
    }, {})
    assert.same({ "A B\\x1b", clean, "r\\x1b" }, { err.code, err.message, err.request_id })
    assert.same({ { code = "None ", message = clean } }, err.reasons)
    assert.equal(soiled, err.body.message)
  end)

  it("keeps the beginning of a page that is not JSON, cut between two characters", function()
    local function message_of(text) return errors.redact(errors.new { code = "502", message = text }, {}).message end
    assert.equal("<html>", message_of(" \n<html>\n"))
    for shift = 0, 3 do
      local message = message_of(("x"):rep(shift) .. ("\240\159\152\128"):rep(9000))
      assert.is_true(#message <= 2000 and #message > 1990)
      assert.is_nil(message:find("\\", 1, true))
      assert.equal(message, require "dynamodb.printable"(message))
    end
    assert.is_true(#message_of(("\255"):rep(9000)) <= 2000)
  end)
end)
