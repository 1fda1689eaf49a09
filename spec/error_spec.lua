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
end)
