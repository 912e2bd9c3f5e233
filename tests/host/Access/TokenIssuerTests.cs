using System.Security.Claims;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Btx.Model;
using Btx.Server.Access;
using Btx.Server.Tests.Fakes;
using Microsoft.IdentityModel.JsonWebTokens;
using Microsoft.IdentityModel.Tokens;

namespace Btx.Server.Tests.Access;

/// <summary>Access tokens of an identity provider, whose public keys are in a file: nothing is fetched.</summary>
public sealed class TokenIssuerTests : IDisposable
{
    private const string Issuer = "https://login.example", Audience = "btx";
    private readonly KeyFiles _files = new();
    private readonly RSA _rsa = RSA.Create(2048);
    private readonly ECDsa _curve = ECDsa.Create(ECCurve.NamedCurves.nistP256);

    [Fact]
    public async Task A_token_may_do_what_its_scopes_say_and_another_is_refused()
    {
        var pem = _rsa.ExportSubjectPublicKeyInfoPem();
        await File.WriteAllTextAsync(_files["key.pem"], pem);
        var key = _files.Add("observe");
        await using var server = await RunningServer.StartAsync(access: new()
        {
            KeyFile = _files.Keys,
            Tokens = new(null, Issuer, Audience, _files["key.pem"])
        });
        var signing = new SigningCredentials(new RsaSecurityKey(_rsa), SecurityAlgorithms.RsaSha256);
        Assert.Equal((200, 403), await Ask(server, Token(signing, "generate")));
        Assert.Equal((200, 200), await Ask(server, Token(signing, "openid generate observe")));
        Assert.Equal((200, 200), await Ask(server, Token(signing, "admin"))); // observe goes with it
        Assert.Equal((403, 403), await Ask(server, Token(signing, "openid")));
        Assert.Equal((403, 403), await Ask(server, Token(signing, null)));
        Assert.Equal((200, 200), await Ask(server, key)); // keys go on beside tokens
        Assert.Equal((200, 403), await Ask(server, Token(signing, "generate"), "x-api-key"));

        var good = Token(signing, "generate");
        var parts = good.Split('.');
        static string Base64(string json) => Base64UrlEncoder.Encode(json);
        using var other = RSA.Create(2048);
        string[] bad =
        [
            Token(signing, "generate", expires: DateTime.UtcNow.AddMinutes(-5)),
            Token(signing, "generate", audience: "another"),
            Token(signing, "generate", issuer: "https://another.example"),
            Token(new(new RsaSecurityKey(other), SecurityAlgorithms.RsaSha256), "generate"),
            // who knows the public key could sign these
            Token(new(new SymmetricSecurityKey(Encoding.UTF8.GetBytes(pem)), SecurityAlgorithms.HmacSha256), "generate"),
            $"{Base64("""{"alg":"none","typ":"JWT"}""")}.{parts[1]}.",
            $"{parts[0]}.{Base64("""{"iss":"https://login.example","aud":"btx","exp":4000000000,"scope":"admin"}""")}.{parts[2]}",
            $"{parts[0]}.{parts[1]}.",
            good[..^4],
            "eyJ..",
            Token(signing, "admin", subject: null), // the audit log could name nobody
            Token(signing, "admin", subject: " "),
            Token(signing, "admin", critical: "exp"),
        ];
        foreach (var token in bad) Assert.Equal((401, 401), await Ask(server, token));
        using var named = await server.Http.SendAsync(
            Request("/metrics", Token(signing, "generate", subject: null, client: "batch"), "authorization"));
        Assert.Contains("jwt-client:batch has generate", await named.Content.ReadAsStringAsync(), StringComparison.Ordinal);
        using var expired = await server.Http.SendAsync(Request("/metrics", bad[0], "authorization"));
        Assert.Contains("\"the token has expired\"", await expired.Content.ReadAsStringAsync(), StringComparison.Ordinal);
        Assert.NotEmpty(server.Log.All);
        Assert.All(server.Log.All, line => Assert.DoesNotContain("eyJ", line, StringComparison.Ordinal));
    }

    [Fact]
    public async Task Keys_may_be_a_set()
    {
        var jwk = JsonWebKeyConverter.ConvertFromECDsaSecurityKey(new ECDsaSecurityKey(ECDsa.Create(_curve.ExportParameters(false))));
        await File.WriteAllTextAsync(_files["keys.json"], JsonSerializer.Serialize(new
        {
            keys = new[] { new { kty = jwk.Kty, crv = jwk.Crv, x = jwk.X, y = jwk.Y } }
        }));
        await using var server = await RunningServer.StartAsync(access: new()
        {
            Tokens = new(null, Issuer, Audience, _files["keys.json"])
        });
        var signing = new SigningCredentials(new ECDsaSecurityKey(_curve), SecurityAlgorithms.EcdsaSha256);
        Assert.Equal((200, 200), await Ask(server, Token(signing, "generate observe")));
        Assert.Equal((401, 401), await Ask(server, "nonsense"));
    }

    [Fact]
    public void What_is_told_must_suffice()
    {
        File.WriteAllText(_files["private.pem"], _rsa.ExportPkcs8PrivateKeyPem());
        File.WriteAllText(_files["shared.json"], """{"keys":[{"kty":"oct","k":"c2hhcmVkIHNlY3JldCBzaGFyZWQgc2VjcmV0"}]}""");
        File.WriteAllText(_files["text"], "a text");
        File.WriteAllText(_files["open.json"], "{");
        Assert.False(new TokenIssuer().IsGiven);
        Assert.Contains("--jwt-audience is missing", Problem("https://login.example", null, null, null), StringComparison.Ordinal);
        Assert.Contains("--jwt-authority is missing", Problem(null, "issuer", "btx", null), StringComparison.Ordinal);
        Assert.Contains("--jwt-authority is missing", Problem(null, null, "btx", "key.pem"), StringComparison.Ordinal);
        Assert.Contains("an https URL", Problem("http://login.example", null, "btx", null), StringComparison.Ordinal);
        foreach (var file in new[] { "private.pem", "shared.json", "text", "open.json" })
            Assert.Contains("holds no public key", Problem(null, "issuer", "btx", _files[file]), StringComparison.Ordinal);
        Assert.Contains("not found", Problem(null, "issuer", "btx", _files["nothing"]), StringComparison.Ordinal);
    }

    public void Dispose()
    {
        _files.Dispose();
        _rsa.Dispose();
        _curve.Dispose();
    }

    private static string Problem(string? authority, string? issuer, string? audience, string? keyFile) =>
        string.Join("; ", new TokenIssuer(authority, issuer, audience, keyFile).Problems());

    private static string Token(SigningCredentials signing, string? scope, string issuer = Issuer, string audience = Audience,
        DateTime? expires = null, string? subject = "ada", string? client = null, string? critical = null) =>
        new JsonWebTokenHandler().CreateToken(new SecurityTokenDescriptor
        {
            Issuer = issuer,
            Audience = audience,
            NotBefore = DateTime.UtcNow.AddHours(-1),
            Expires = expires ?? DateTime.UtcNow.AddHours(1),
            Subject = new(new[] { ("sub", subject), ("client_id", client), ("scope", scope) }.Where(claim => claim.Item2 is not null)
                .Select(claim => new Claim(claim.Item1, claim.Item2!))),
            AdditionalHeaderClaims = critical is null ? null : new Dictionary<string, object> { ["crit"] = new[] { critical } },
            SigningCredentials = signing,
        });

    private static HttpRequestMessage Request(string path, string token, string header)
    {
        var request = new HttpRequestMessage(HttpMethod.Get, path);
        request.Headers.TryAddWithoutValidation(header, header == "authorization" ? $"Bearer {token}" : token);
        return request;
    }

    /// <summary>Statuses of what generate and observe are for, and of what observe alone is for.</summary>
    private static async Task<(int Models, int Metrics)> Ask(RunningServer server, string token, string header = "authorization")
    {
        using var models = await server.Http.SendAsync(Request("/v1/models", token, header));
        using var metrics = await server.Http.SendAsync(Request("/metrics", token, header));
        return ((int)models.StatusCode, (int)metrics.StatusCode);
    }
}
