using Btx.Forest;

namespace Btx.Server.Verbs;

/// <summary>The flags of <c>serve</c> that say who may change the forest, and from where.</summary>
internal sealed class ForestFlags
{
    private readonly Flag<string[]> _roots = new("--expert-root DIR",
        "experts may be added from this directory; repeat it (the source forest's directory always)", []);

    private readonly Flag<string?> _keyFile = new("--admin-key-file FILE",
        "changes of the forest need the key in this file; without one no changes are taken");

    private readonly Flag<string?> _keys = new("--keys FILE",
        "everything but health needs one of the API keys in this file, which `btx keys` makes");

    private readonly Flag<string?> _authority = new("--jwt-authority URL",
        "take access tokens (JWT) of this identity provider, whose keys are fetched from there; their claim scope counts");

    private readonly Flag<string?> _issuer = new("--jwt-issuer NAME", "the tokens' issuer (as the authority says)");

    private readonly Flag<string?> _audience = new("--jwt-audience NAME", "what the tokens must be for");

    private readonly Flag<string?> _tokenKeys = new("--jwt-key FILE",
        "the issuer's public keys, instead of fetching them: one in PEM, or a JSON Web Key Set");

    private readonly Flag<bool> _insecure = new("--insecure",
        "listen on other addresses than loopback without keys: whoever reaches them may use the server");

    private readonly Flag<string?> _audit = new("--audit FILE", "append a line of JSON for each administrative call");

    private readonly Flag<bool> _unauthenticated = new("--allow-unauthenticated-admin",
        "take changes without a key from every program of this machine (--grpc on loopback only); for experiments");

    private readonly Flag<string> _hosts = new("--allowed-hosts NAME,NAME",
        "names that clients may call this server by, besides localhost and the addresses it listens on: api.example.com,*.internal; * for "
            + "any", "");

    private readonly Flag<bool> _readOnly = new("--read-only",
        "serve the forest as it is and take no changes; its directory need not be writable");

    private readonly Option<string[]> _faults = new("--fault-point") { Hidden = true, DefaultValueFactory = _ => [] };

    public IReadOnlyList<Option> All => [_roots, _keys, _authority, _issuer, _audience, _tokenKeys, _insecure, _audit, _keyFile,
        _unauthenticated, _hosts, _readOnly, _faults];

    /// <exception cref="BtxException">The key's file cannot be read, can be read by others, or holds no key.</exception>
    public AccessOptions ReadAccess(ParseResult parsed) => new()
    {
        AdminKeyHash = parsed.GetValue(_keyFile) is { } file ? ApiKey.Hash(SecretFile.ReadKey("--admin-key-file", file)) : null,
        KeyFile = parsed.GetValue(_keys),
        Tokens = TokenIssuer.Of(parsed.GetValue(_authority), parsed.GetValue(_issuer), parsed.GetValue(_audience),
            parsed.GetValue(_tokenKeys)),
        Insecure = parsed.GetValue(_insecure),
        AuditFile = parsed.GetValue(_audit),
        UnauthenticatedAdmin = parsed.GetValue(_unauthenticated),
        HostNames = parsed.GetValue(_hosts)!.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries),
    };

    /// <returns>Null: the forest is not to be changed.</returns>
    /// <exception cref="BtxException">A root is not there, or a fault point is not one.</exception>
    public RegistryOptions? Read(ParseResult parsed) => parsed.GetValue(_readOnly) ? null : new()
    {
        ExpertRoots = [.. parsed.GetValue(_roots)!.Select(root => Directory.Exists(root) ? Path.GetFullPath(root)
            : throw new BtxException($"--expert-root {root}: is not a directory"))],
        InjectFault = new FaultPoints(parsed.GetValue(_faults)!, [.. ForestRegistry.FaultPoints, .. ForestEngine.FaultPoints]).Hook,
        Report = line => Console.Error.WriteLine(line),
    };
}
