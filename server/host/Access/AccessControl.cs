using System.Security.Claims;
using Microsoft.AspNetCore.Authentication;

namespace Btx.Server.Access;

/// <summary>A caller with a key.</summary>
internal sealed class KeyIdentity(ApiKey key) : ClaimsIdentity("key")
{
    public ApiKey Key => key;
}

/// <summary>
/// Who a caller is, and what is said to one that is refused. Where keys are needed, everything is refused without one. Otherwise all may
/// do everything but change the forest: that needs the admin key, or is open to programs of this machine if the operator said so. Then a
/// call that says that it came from further away is refused all the same: a proxy or a browser reaches loopback, too.
/// </summary>
/// <param name="hosts">Pages of these are the server's own.</param>
internal sealed class AccessControl(AccessOptions options, AllowedHosts hosts, KeyRing keys, TimeProvider time)
{
    public const string Anonymous = "anonymous";
    private const string KeyHeader = "x-api-key", Scheme = "Bearer ";
    private const string ToHaveOne = "start it with --admin-key-file FILE";
    private static readonly HashSet<string> s_forwarded = new(StringComparer.OrdinalIgnoreCase)
    {
        "forwarded", "via", "x-real-ip", "x-original-forwarded-for", "true-client-ip", "cf-connecting-ip",
    };

    /// <summary>What a call shows for itself: the bearer token, or else the header <c>x-api-key</c>; null: nothing.</summary>
    public static string? TokenOf(IHeaderDictionary headers)
    {
        if (headers.Authorization.Count == 0) return headers[KeyHeader] is [{ } key] ? key.Trim() : null;
        var isBearer = headers.Authorization is [{ } one] && one.StartsWith(Scheme, StringComparison.OrdinalIgnoreCase);
        return isBearer ? headers.Authorization[0]![Scheme.Length..].Trim() : "";
    }

    /// <summary>A JSON Web Token by its looks; it goes to the library that reads these.</summary>
    public bool IsWebToken(IHeaderDictionary headers) => options.Tokens.IsGiven && TokenOf(headers) is { } token
        && token.StartsWith("eyJ", StringComparison.Ordinal) && token.Count(c => c == '.') == 2;

    public AuthenticateResult Authenticate(IHeaderDictionary headers)
    {
        var token = TokenOf(headers);
        var key = token is null ? null : keys.Find(token);
        if (key?.Expires <= time.GetUtcNow()) return AuthenticateResult.Fail($"the API key {key.Id} has expired");
        if (key is null && options.NeedsKey)
            return token is null ? AuthenticateResult.NoResult()
                : AuthenticateResult.Fail("the API key is not one of this server's: it was mistyped or revoked");
        var identity = key is null ? new ClaimsIdentity(Anonymous) : new KeyIdentity(key);
        var scopes = Scopes.Parse(key?.Scopes ?? []);
        if (!options.NeedsKey) scopes |= Scope.Generate | Scope.Observe;
        if (options.UnauthenticatedAdmin && Elsewhere(headers) is null) scopes |= Scope.Admin;
        identity.AddClaim(new(ClaimTypes.NameIdentifier, key?.Id ?? Anonymous));
        identity.AddClaim(new(Scopes.Claim, scopes.Text()));
        return AuthenticateResult.Success(new(new(identity), KeyHandler.Name));
    }

    /// <summary>Why a caller may not have what it asked for.</summary>
    /// <param name="failure">Why it is nobody; null: it is somebody, or showed nothing.</param>
    public Denial Refuse(IHeaderDictionary headers, ClaimsPrincipal caller, Scope needed, string? failure)
    {
        if (options.NeedsKey)
        {
            if (caller.Identity?.IsAuthenticated != true)
                return Denial.Unknown(failure ?? $"an API key is needed; send it as authorization: Bearer KEY, or as {KeyHeader}: KEY");
            return Denial.Forbidden(needed == Scope.None ? "this is open to nobody" : $"this needs the scope {needed.Text().Replace(" ",
                " or ", StringComparison.Ordinal)}; {IdOf(caller)} has {Scopes.Of(caller).Text()}");
        }

        if (options.AdminKeyHash is not null)
            return Denial.Unknown(TokenOf(headers) is null ? "the server's admin key is needed; give its file with --admin-key-file"
                : "the admin key is not this server's");
        return Denial.Forbidden((options.UnauthenticatedAdmin ? Elsewhere(headers) : null) ?? $"this server takes no changes: {ToHaveOne}");
    }

    /// <summary>Of the key, the token or nobody, for messages and the audit log; never a secret.</summary>
    public static string IdOf(ClaimsPrincipal caller) => caller.FindFirst(ClaimTypes.NameIdentifier)?.Value ?? Anonymous;

    private string? Elsewhere(IHeaderDictionary headers)
    {
        if (headers.Keys.Any(name => name.StartsWith("x-forwarded", StringComparison.OrdinalIgnoreCase) || s_forwarded.Contains(name)))
            return $"this call came through a proxy, and the server has no admin key to know its sender by; {ToHaveOne}";
        return CrossSite.IsOwn(headers, hosts) ? null
            : $"this call came from a page of another site, and the server has no admin key; {ToHaveOne}";
    }
}

/// <summary>A refusal for want of a key or a scope.</summary>
/// <param name="Code">A machine's word for it, as OpenAI's errors have.</param>
internal sealed record Denial(int Status, StatusCode Rpc, string Message, string Code)
{
    public static Denial Unknown(string message) =>
        new(StatusCodes.Status401Unauthorized, StatusCode.Unauthenticated, message, "invalid_api_key");

    public static Denial Forbidden(string message, string code = "insufficient_scope") =>
        new(StatusCodes.Status403Forbidden, StatusCode.PermissionDenied, message, code);

    public Task WriteAsync(HttpContext http)
    {
        if (Listener.IsGrpc(http)) return RpcStatus.WriteAsync(http, Rpc, Message, Code);
        if (Status == StatusCodes.Status401Unauthorized) http.Response.Headers.WWWAuthenticate = "Bearer";
        return new OpenAiError(Status, Message, "invalid_request_error", null, Code).WriteAsync(http);
    }
}
