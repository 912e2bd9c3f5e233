namespace Btx.House.Tests.Architecture;

/// <summary>What each room may reference, held as data. A new reference is a decision: change it here and say why in the commit.</summary>
public sealed class ReferenceMatrixTests
{
    private const string Model = "model/Btx.Model.csproj";
    private const string Cli = "cli/Btx.Cli.csproj";
    private const string Engine = "server/engine/Btx.Engine.csproj";
    private const string Forest = "server/forest/Btx.Forest.csproj";
    private const string Protos = "protos/Btx.Protos.csproj";
    private const string Client = "client/Btx.Client.csproj";

    public static TheoryData<string, string[], string[]> Matrix => new()
    {
        { Model, [], ["Microsoft.ML.Tokenizers"] },
        { Cli, [], ["Spectre.Console", "System.CommandLine"] },
        { "trainer/Btx.Trainer.csproj", [Model, Cli],
            ["CliWrap", "Microsoft.CodeAnalysis.BannedApiAnalyzers", "SharpZipLib", "Spectre.Console", "System.CommandLine",
                "TorchSharp"] },
        { "exporter/Btx.Exporter.csproj", [Model, Cli],
            ["Google.Protobuf", "Microsoft.ML.OnnxRuntime.Gpu.Linux", "OnnxSharp", "System.CommandLine"] },
        { Engine, [Model], ["Microsoft.ML.OnnxRuntime.Gpu.Linux"] },
        { Forest, [Model, Engine], [] },
        { "server/host/Btx.Server.csproj", [Model, Cli, Protos, Client, Engine, Forest], ["Grpc.AspNetCore", "Grpc.AspNetCore.HealthChecks",
            "Grpc.AspNetCore.Server.Reflection", "Microsoft.AspNetCore.Authentication.JwtBearer", "Microsoft.ML.OnnxRuntime",
            "Microsoft.ML.OnnxRuntimeGenAI", "System.CommandLine",
            "prometheus-net.AspNetCore"] },
        { "loadtests/Btx.LoadTests.csproj", [Cli, Protos], ["Markdig", "MathNet.Numerics", "System.CommandLine"] },
        { Protos, [], ["Google.Protobuf", "Grpc.Net.Client", "Grpc.StatusProto", "Grpc.Tools"] },
        { Client, [Protos], ["Microsoft.Extensions.AI.Abstractions"] },
    };

    [Theory]
    [MemberData(nameof(Matrix))]
    public void A_room_references_what_the_matrix_says(string project, string[] projects, string[] packages)
    {
        var found = Repository.References(project);
        Assert.Equal(projects.Order(StringComparer.Ordinal), found.Projects.Order(StringComparer.Ordinal));
        Assert.Equal(packages, found.Packages);
    }

    [Fact]
    public void Every_product_project_is_in_the_matrix()
    {
        string[] rooms = ["model", "cli", "trainer", "exporter", "server", "protos", "client"];
        // what else is there are benchmarks and peers
        var projects = rooms.SelectMany(r => Repository.Files(r, "*.csproj")).Append("loadtests/Btx.LoadTests.csproj");
        Assert.Equal(Matrix.Select(row => row.Data.Item1).Order(StringComparer.Ordinal), projects.Order(StringComparer.Ordinal));
    }

    [Fact]
    public void Product_code_has_no_conditional_compilation()
    {
        foreach (var room in new[] { "model", "cli", "trainer", "exporter", "server", "client", "loadtests" })
        {
            foreach (var file in Repository.Files(room, "*.cs"))
                Assert.False(Repository.Read(file).Contains("\n#if", StringComparison.Ordinal), $"{file} has #if");
        }
    }

    [Fact]
    public void Versions_are_central()
    {
        foreach (var project in Repository.Files(".", "*.csproj"))
            Assert.DoesNotContain("Version=", Repository.Read(project), StringComparison.Ordinal);
    }

    [Fact]
    public void The_solution_lists_every_project()
    {
        var solution = Repository.Read("Btx.Serving.sln").Replace('\\', '/');
        foreach (var project in Repository.Files(".", "*.csproj")) Assert.Contains(project, solution, StringComparison.Ordinal);
    }
}
