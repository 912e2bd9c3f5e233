using System.Net;

namespace Btx.Server.Access;

/// <summary>Who may use the server, and by which names clients may call it, as <c>serve</c> was told.</summary>
internal sealed record AccessOptions
{
    private const string AnyProgram = "--allow-unauthenticated-admin";

    /// <summary>See <see cref="ApiKeyFile"/>; null: there is none.</summary>
    public string? KeyFile { get; init; }

    /// <summary>Whose tokens are taken.</summary>
    public TokenIssuer Tokens { get; init; } = new();

    /// <summary>SHA-256 of the admin key; null: there is none.</summary>
    public byte[]? AdminKeyHash { get; init; }

    /// <summary>Whether changes are taken without a key, from programs of this machine.</summary>
    public bool UnauthenticatedAdmin { get; init; }

    /// <summary>Whether whoever reaches the server may use it, changes aside, wherever it listens.</summary>
    public bool Insecure { get; init; }

    /// <summary>See <see cref="AuditLog"/>; null: there is none.</summary>
    public string? AuditFile { get; init; }

    /// <summary>See <see cref="AllowedHosts"/>.</summary>
    public IReadOnlyList<string> HostNames { get; init; } = [];

    /// <summary>Origins of the sites whose pages may call (CORS), as <c>https://app.example.com</c>, or <c>*</c> for any.</summary>
    public IReadOnlyList<string> CorsOrigins { get; init; } = [];

    /// <summary>Whether every call needs a key or a token; otherwise only changes do.</summary>
    public bool NeedsKey => KeyFile is not null || Tokens.IsGiven;

    /// <summary>Checks all of it.</summary>
    /// <exception cref="BtxException">What was told contradicts itself, leaves the server open to other machines, or names a file that
    /// cannot be used.</exception>
    /// <param name="admin">Null: administration is at the two others.</param>
    public AllowedHosts Open(ListenAddress http, ListenAddress grpc, ListenAddress? admin = null)
    {
        var problems = new Problems();
        var hosts = Check(problems, http, grpc, admin);
        problems.Throw();
        return hosts!;
    }

    /// <summary>As <see cref="Open"/>, with what is wrong added to <paramref name="problems"/>.</summary>
    /// <returns>Null: a name is none.</returns>
    public AllowedHosts? Check(Problems problems, ListenAddress http, ListenAddress grpc, ListenAddress? admin)
    {
        var changes = admin ?? grpc;
        ListenAddress[] all = [http, grpc, .. admin is null ? [] : new[] { admin }];
        if (UnauthenticatedAdmin && (AdminKeyHash is not null || NeedsKey))
            problems.Add($"{AnyProgram} is given beside keys (--admin-key-file, --keys or --jwt-*); choose one");
        if (Insecure && NeedsKey) problems.Add("--insecure is given beside --keys or --jwt-*; choose one");
        if (UnauthenticatedAdmin && !IPAddress.IsLoopback(changes.EndPoint.Address))
            problems.Add($"{AnyProgram} and {changes.Option} {changes}: whoever reaches that address could change the forest; "
                + "use --admin-key-file FILE, or listen on loopback");
        if (!NeedsKey && !Insecure && OtherThanLoopback(all) is { } open)
            problems.Add($"{open.Option} {open}: whoever reaches that address could use this server; give it keys (--keys FILE, "
                + "which `btx keys create` makes), listen on loopback, or say --insecure");
        problems.AddRange(CorsOrigins.Where(origin => !IsOrigin(origin)).Select(wrong =>
            $"--cors-origins has \"{BtxException.OneLine(wrong, 100)}\"; expected origins such as https://app.example.com, without a path, "
            + "or * for any"));
        if (Tokens.IsGiven) problems.AddRange(Tokens.Problems());
        if (KeyFile is not null) problems.Of(() => ApiKeyFile.Read("--keys", KeyFile));
        if (AuditFile is not null) problems.Of(() => AuditLog.RequireWritable(AuditFile));
        return problems.Of(() => new AllowedHosts(HostNames, all));
    }

    /// <summary>What <c>serve</c> says of it when it starts.</summary>
    public string Statement => NeedsKey ? "everything but health needs a key" : "open, but for changes, to whoever reaches the ports";

    /// <summary>What <c>serve</c> says of changes.</summary>
    public string Changes => this switch
    {
        { AdminKeyHash: not null } => "changes need the admin key" + (NeedsKey ? " or one of scope admin" : ""),
        { NeedsKey: true } => "changes need a key of scope admin",
        { UnauthenticatedAdmin: true } => "changes by every program of this machine, without a key",
        _ => "no changes: there is no --admin-key-file",
    };

    /// <summary>What <c>serve</c> warns of when it starts.</summary>
    public IEnumerable<string> Warnings(bool hasTls, params IEnumerable<ListenAddress> addresses)
    {
        if (OtherThanLoopback(addresses) is not { } open) yield break;
        if (Insecure)
            yield return $"warning: --insecure: whoever reaches {open.Option} {open} may generate, and see the forest and the metrics";
        if (!hasTls && (NeedsKey || AdminKeyHash is not null))
            yield return $"warning: {open.Option} {open} has no TLS: keys, prompts and answers travel in clear text; give --tls-cert and "
                + "--tls-key, or put a proxy with TLS in front of it";
    }

    // As browsers write it: nothing else is ever equal to what they send.
    private static bool IsOrigin(string text) => text == "*" || (Uri.TryCreate(text, UriKind.Absolute, out var origin)
        && origin.Scheme is "http" or "https" && origin.GetLeftPart(UriPartial.Authority) == text && origin.UserInfo.Length == 0);

    private static ListenAddress? OtherThanLoopback(IEnumerable<ListenAddress> addresses) =>
        addresses.FirstOrDefault(address => !IPAddress.IsLoopback(address.EndPoint.Address));
}
