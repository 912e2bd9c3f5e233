using System.Security.Claims;
using System.Security.Cryptography;
using Btx.Model.Files;
using Microsoft.AspNetCore.Authentication.JwtBearer;
using Microsoft.IdentityModel.JsonWebTokens;
using Microsoft.IdentityModel.Tokens;

namespace Btx.Server.Access;

/// <summary>An identity provider whose access tokens (JWT) are taken. Their claim <c>scope</c> says what their bearer may do.</summary>
/// <param name="Authority">Its URL, where its keys are fetched from; null: they are in <paramref name="KeyFile"/>.</param>
/// <param name="Issuer">Null: as the authority says.</param>
/// <param name="Audience">What a token must be for.</param>
/// <param name="KeyFile">Its public keys: one in PEM, or a JSON Web Key Set.</param>
internal sealed record TokenIssuer(string? Authority = null, string? Issuer = null, string? Audience = null, string? KeyFile = null)
{
    private const int LongestFile = 1 << 20;

    // None with a shared secret: who can check such a token could make one.
    private static readonly string[] s_algorithms =
        ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512"];

    /// <summary>False: no tokens are taken.</summary>
    public bool IsGiven => (Authority ?? Issuer ?? Audience ?? KeyFile) is not null;

    /// <summary>What is missing, and what is no URL or no public key.</summary>
    public Problems Problems()
    {
        var problems = new Problems();
        if (Audience is null) problems.Add("--jwt-audience is missing: a token that is for another service is not taken");
        if (Authority is null && (Issuer is null || KeyFile is null))
            problems.Add("--jwt-authority is missing; give it, or both --jwt-issuer and --jwt-key");
        if (Authority is not null && !(Uri.TryCreate(Authority, UriKind.Absolute, out var url) && url.Scheme == Uri.UriSchemeHttps))
            problems.Add($"--jwt-authority {BtxException.OneLine(Authority, 200)}: expected an https URL");
        if (KeyFile is not null) problems.Of(() => Keys(KeyFile));
        return problems;
    }

    /// <summary>The library that reads tokens, and what it needs; a server without tokens loads none of it.</summary>
    public void AddTo(IServiceCollection services)
    {
        services.AddAuthentication().AddJwtBearer(Configure);
        // It would make keys in the user's home, to protect cookies that there are not.
        if (services.FirstOrDefault(service => service.ImplementationType?.Name == "DataProtectionHostedService") is { } unused)
            services.Remove(unused);
    }

    private void Configure(JwtBearerOptions options)
    {
        options.MapInboundClaims = false;
        if (KeyFile is null) options.Authority = Authority;
        options.TokenValidationParameters = new()
        {
            ValidIssuer = Issuer ?? (KeyFile is null ? null : Authority),
            ValidAudience = Audience,
            ValidAlgorithms = s_algorithms,
            IssuerSigningKeys = KeyFile is null ? [] : Keys(KeyFile),
            ClockSkew = TimeSpan.FromSeconds(30),
        };
        options.Events = new()
        {
            OnMessageReceived = context =>
            {
                context.Token = AccessControl.TokenOf(context.Request.Headers);
                return Task.CompletedTask;
            },
            OnTokenValidated = context =>
            {
                var identity = (ClaimsIdentity)context.Principal!.Identity!;
                if (context.SecurityToken is not JsonWebToken token || token.TryGetHeaderValue<object>("crit", out _))
                    context.Fail("the token has a header that must be understood (crit), and this server knows none"); // RFC 7515, 4.1.11
                else if (NameOf(identity) is not { } name)
                    context.Fail("the token names nobody: it has none of the claims sub, client_id and azp");
                else Rename(identity, name);
                return Task.CompletedTask;
            },
            OnAuthenticationFailed = context =>
            {
                context.Fail(context.Exception is SecurityTokenExpiredException ? "the token has expired"
                    : "the token is not taken: its signature, issuer, audience or time is not as it should be");
                return Task.CompletedTask;
            },
        };
    }

    /// <summary>What the audit log has of a token: its subject, or else the program that it was given to; null: it names nobody.</summary>
    private static string? NameOf(ClaimsIdentity identity)
    {
        foreach (var (claim, kind) in new[] { ("sub", "jwt"), ("client_id", "jwt-client"), ("azp", "jwt-client") })
        {
            if (identity.FindFirst(claim)?.Value is { } value && !string.IsNullOrWhiteSpace(value))
                return $"{kind}:{BtxException.OneLine(value, 100)}";
        }

        return null;
    }

    private static void Rename(ClaimsIdentity identity, string name)
    {
        foreach (var claimed in identity.FindAll(ClaimTypes.NameIdentifier).ToList())
            identity.RemoveClaim(claimed); // the name is ours to give
        identity.AddClaim(new(ClaimTypes.NameIdentifier, name));
    }

    private static SecurityKey[] Keys(string file)
    {
        try
        {
            var text = Encoding.UTF8.GetString(BoundedFile.Read(file, LongestFile));
            SecurityKey[] keys = text.TrimStart().StartsWith('{') ? [.. new JsonWebKeySet(text).GetSigningKeys()] : [PemKey(text)];
            if (keys.Length > 0 && !keys.Any(key => key is SymmetricSecurityKey or JsonWebKey { Kty: "oct" })) return keys;
        }
        catch (BtxException e)
        {
            throw new BtxException($"--jwt-key {file}: cannot be read ({BtxException.OneLine(e.Message)})", e);
        }
        catch (Exception e) when (e is CryptographicException or ArgumentException or JsonException)
        {
            throw new BtxException($"--jwt-key {file}: holds no public key; expected one of RSA or EC in PEM, or a JSON Web Key Set", e);
        }

        throw new BtxException($"--jwt-key {file}: holds no public key, or a shared secret; expected keys of RSA or EC");
    }

    private static AsymmetricSecurityKey PemKey(string pem)
    {
        if (pem.Contains("PRIVATE KEY", StringComparison.Ordinal))
            throw new ArgumentException("a private key, which this server has no use for");
        try
        {
            var rsa = RSA.Create();
            rsa.ImportFromPem(pem);
            return new RsaSecurityKey(rsa);
        }
        catch (CryptographicException)
        {
            var curve = ECDsa.Create();
            curve.ImportFromPem(pem);
            return new ECDsaSecurityKey(curve);
        }
    }
}
