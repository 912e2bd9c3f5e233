using Btx.Server.Access;

namespace Btx.Server.Tests.Access;

/// <summary>A file of API keys in a directory of its own, deleted on disposal.</summary>
internal sealed class KeyFiles : IDisposable
{
    private readonly DirectoryInfo _directory = Directory.CreateTempSubdirectory("btx-keys-");

    public string Keys => this["keys.json"];

    /// <summary>A file beside it.</summary>
    public string this[string name] => Path.Combine(_directory.FullName, name);

    /// <summary>A key that may generate, to be changed.</summary>
    public static ApiKey Plain { get; } =
        new() { Id = "", Name = "acme", Sha256 = "", Scopes = ["generate"], Created = DateTimeOffset.UnixEpoch };

    /// <returns>The key's id and what its owner sends.</returns>
    public (string Id, string Token) Add(ApiKey settings)
    {
        var (key, token) = ApiKey.New(settings);
        ApiKeyFile.Change("--keys", Keys, keys => [.. keys, key]);
        return (key.Id, token);
    }

    public string Add(params string[] scopes) => Add(Plain with { Scopes = scopes }).Token;

    public void Revoke(string id) => ApiKeyFile.Change("--keys", Keys, keys => keys.Where(key => key.Id != id));

    public void Dispose() => _directory.Delete(recursive: true);
}
