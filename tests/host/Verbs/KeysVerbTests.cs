using System.CommandLine;
using System.Text.Json;
using Btx.Model;
using Btx.Server.Access;
using Btx.Server.Tests.Access;
using Btx.Server.Tests.Fakes;
using Btx.Server.Tests.Verbs.Experts;
using Btx.Server.Verbs;

namespace Btx.Server.Tests.Verbs;

[System.Runtime.Versioning.SupportedOSPlatform("linux")]
public sealed class KeysVerbTests : IDisposable
{
    private readonly KeyFiles _files = new();

    [Fact]
    public async Task A_key_is_shown_once_listed_without_its_secret_and_revoked()
    {
        var made = Run("create", "--name", "acme", "--experts", "law,novels", "--tokens-per-minute", "1000", "--expires", "90d");
        Assert.Equal(0, made.Code);
        Assert.Matches("^btx_[0-9a-f]{12}_[0-9a-f]{64}\n$", made.Output);
        var (id, secret) = (made.Output.Split('_')[1], made.Output.Trim().Split('_')[2]);
        Assert.DoesNotContain(secret, made.Errors, StringComparison.Ordinal);
        var key = Assert.Single(ApiKeyFile.Read("--keys", _files.Keys));
        Assert.Equal(["generate"], key.Scopes);
        Assert.Equal(TimeSpan.FromDays(90), key.Expires - key.Created);

        var list = Run("list");
        Assert.Contains(id, list.Output, StringComparison.Ordinal);
        Assert.Contains("law,novels", list.Output, StringComparison.Ordinal);
        var json = Run("list", "--json", "-");
        Assert.Equal("acme", JsonDocument.Parse(json.Output).RootElement[0].GetProperty("name").GetString());
        Assert.All([list.Output, json.Output, await File.ReadAllTextAsync(_files.Keys)],
            text => Assert.DoesNotContain(secret, text, StringComparison.Ordinal));

        Assert.Equal((1, $"--keys {_files.Keys}: has no key \"acme\"; `btx keys list` shows them"), Failed("revoke", "acme"));
        Assert.Equal($"key {id} is revoked\n", Run("revoke", id).Output);
        Assert.Empty(ApiKeyFile.Read("--keys", _files.Keys));
    }

    [Theory]
    [InlineData("the key's scopes are not one or more of: generate, observe, admin", "--scopes", "everything")]
    [InlineData("the key's modes are not one or more of: ensemble", "--modes", "all")]
    [InlineData("the key's concurrent is 0; expected 1 or more", "--concurrent", "0")]
    [InlineData("--expires yesterday: expected days, as 90d, or a later date", "--expires", "yesterday")]
    [InlineData("--expires 2001-01-01: expected days, as 90d, or a later date", "--expires", "2001-01-01")]
    public void A_key_that_cannot_be_is_not_made(string problem, params string[] arguments)
    {
        Assert.StartsWith(problem, Failed(["create", "--name", "acme", .. arguments]).Message, StringComparison.Ordinal);
        Assert.False(File.Exists(_files.Keys));
    }

    [Theory]
    [InlineData("--experts", ",")]
    [InlineData("--experts", "")]
    [InlineData("--experts", " , ")]
    [InlineData("--modes", ",")]
    [InlineData("--scopes", ",")]
    public void A_binding_that_names_nothing_makes_no_key_without_one(string flag, string list)
    {
        var error = Assert.Single(KeysVerb.Create().Parse(["create", "--name", "acme", "--keys", _files.Keys, flag, list]).Errors);
        Assert.StartsWith($"{flag} \"{list}\": names nothing; expected ", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Verbs_send_the_key_of_a_file()
    {
        var admin = _files.Add("admin");
        await File.WriteAllTextAsync(_files["admin.key"], admin);
        File.SetUnixFileMode(_files["admin.key"], UnixFileMode.UserRead);
        await using var server = await RunningServer.StartAsync(access: new() { KeyFile = _files.Keys });
        var refused = await ExpertsRun.On(server, null, "list");
        Assert.Equal((1, "error: an API key is needed; send it as authorization: Bearer KEY, or as x-api-key: KEY\n"),
            (refused.Code, refused.Errors));
        var listed = await ExpertsRun.On(server, null, "list", "--api-key-file", _files["admin.key"]);
        Assert.Equal(0, listed.Code);
        Assert.Contains("german", listed.Output, StringComparison.Ordinal);
        var changed = await ExpertsRun.On(server, null, "averages", "create", "tales", "--domain", "novels", "--reason", "a test",
            "--admin-key-file", _files["admin.key"]); // it is as good by that name
        Assert.Equal(0, changed.Code);
        Assert.Equal(2, (await ExpertsRun.On(server, null, "list", "--api-key-file", "a", "--admin-key-file", "b")).Code);
    }

    public void Dispose() => _files.Dispose();

    private (int Code, string Message) Failed(params string[] arguments) =>
        (1, Assert.Throws<BtxException>(() => Run(arguments)).Message);

    private (int Code, string Output, string Errors) Run(params string[] arguments)
    {
        using var output = new StringWriter();
        using var errors = new StringWriter();
        var parsed = KeysVerb.Create().Parse([.. arguments, "--keys", _files.Keys]);
        Assert.Empty(parsed.Errors);
        var code = parsed.Invoke(new() { EnableDefaultExceptionHandler = false, Output = output, Error = errors });
        return (code, output.ToString(), errors.ToString());
    }
}
