using Btx.Forest;

namespace Btx.Server.Verbs;

/// <summary>The flags of <c>serve</c> that say who may use the server, and who may change the forest.</summary>
internal sealed class AccessFlags
{
    private readonly Flag<bool> _readOnly = new("--read-only",
        "serve the forest as it is and take no changes; its directory need not be writable");

    private readonly FlagTable<AccessOptions> _access = new()
    {
        { new Flag<string?>("--keys FILE", "everything but health needs one of the API keys in this file, which `btx keys` makes"),
            (access, file) => access with { KeyFile = file } },
        { new Flag<string?>("--jwt-authority URL", "take access tokens (JWT) of this identity provider, by their claim scope; its keys are "
            + "fetched from there"), (access, url) => access with { Tokens = access.Tokens with { Authority = url } } },
        { new Flag<string?>("--jwt-issuer NAME", "the tokens' issuer (as the authority says)"),
            (access, name) => access with { Tokens = access.Tokens with { Issuer = name } } },
        { new Flag<string?>("--jwt-audience NAME", "what the tokens must be for"),
            (access, name) => access with { Tokens = access.Tokens with { Audience = name } } },
        { new Flag<string?>("--jwt-key FILE", "the issuer's public keys, instead of fetching them: one in PEM, or a JSON Web Key Set"),
            (access, file) => access with { Tokens = access.Tokens with { KeyFile = file } } },
        { new Flag<bool>("--insecure", "listen on other addresses than loopback without keys: whoever reaches them may use the server"),
            (access, given) => access with { Insecure = given } },
        { new Flag<string?>("--audit FILE", "append a line of JSON for each administrative call"),
            (access, file) => access with { AuditFile = file } },
        { new Flag<string?>("--admin-key-file FILE",
            "changes of the forest need the key in this file, or one of scope admin; without any no changes are taken"),
            (access, file) => access with
            {
                AdminKeyHash = file is null ? null : ApiKey.Hash(SecretFile.ReadKey("--admin-key-file", file)),
            } },
        { new Flag<bool>("--allow-unauthenticated-admin",
            "take changes without a key from every program of this machine (on loopback only); for experiments"),
            (access, given) => access with { UnauthenticatedAdmin = given } },
        { Flags.Names("--allowed-hosts NAME,NAME", "names that clients may call this server by, besides localhost and the addresses "
            + "it listens on: api.example.com,*.internal; * for any"),
            (access, names) => access with { HostNames = names } },
        { Flags.Names("--cors-origins ORIGIN,ORIGIN", "sites whose pages may call this server from a browser (CORS): "
            + "https://app.example.com; * for any; none: no page of another site"),
            (access, origins) => access with { CorsOrigins = origins } },
    };

    private readonly FlagTable<RegistryOptions> _changes = new()
    {
        { new Flag<string[]>("--expert-root DIR",
            "experts may be added from this directory; repeat it (the source forest's directory always)", []),
            (options, roots) => options with { ExpertRoots = [.. roots.Select(Root)] } },
        { new Option<string[]>("--fault-point") { Hidden = true, DefaultValueFactory = _ => [] },
            (options, points) => options with { InjectFault = new FaultPoints(points, s_points).Hook } },
    };

    private static readonly string[] s_points = [.. ForestRegistry.FaultPoints, .. ForestEngine.FaultPoints];

    public IEnumerable<Option> All => [.. _changes, .. _access, _readOnly];

    /// <summary>What cannot be read is added to <paramref name="problems"/>.</summary>
    public AccessOptions ReadAccess(ParseResult parsed, Problems problems) => _access.Read(parsed, new(), problems);

    /// <returns>Null: the forest is not to be changed.</returns>
    /// <exception cref="BtxException">A root is not there, or a fault point is not one.</exception>
    public RegistryOptions? Read(ParseResult parsed) =>
        parsed.GetValue(_readOnly) ? null : _changes.Read(parsed, new() { Report = Console.Error.WriteLine });

    private static string Root(string root) => Directory.Exists(root) ? Path.GetFullPath(root)
        : throw new BtxException($"--expert-root {root}: is not a directory");
}
