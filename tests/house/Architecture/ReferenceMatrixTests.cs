namespace Btx.House.Tests.Architecture;

/// <summary>What each room may reference, held as data. A new reference is a decision: change it here and say why in the commit.</summary>
public sealed class ReferenceMatrixTests
{
    private const string Model = "model/Btx.Model.csproj";
    private const string Engine = "server/engine/Btx.Engine.csproj";
    private const string Protos = "protos/Btx.Protos.csproj";

    public static TheoryData<string, string[], string[], string[]> Matrix => new()
    {
        { Model, [], ["Microsoft.ML.Tokenizers"], [] },
        { "trainer/Btx.Trainer.csproj", [Model], ["TorchSharp"], ["Spectre.Console", "System.CommandLine", "TorchSharp-cpu"] },
        { "exporter/Btx.Exporter.csproj", [Model], ["Microsoft.ML.OnnxRuntime.Gpu"], ["Google.Protobuf", "Grpc.Tools", "Spectre.Console", "System.CommandLine"] },
        { Engine, [Model], ["Microsoft.ML.OnnxRuntime.Gpu"], [] },
        { "server/host/Btx.Server.csproj", [Model, Protos, Engine], ["Grpc.AspNetCore", "prometheus-net.AspNetCore"], ["Spectre.Console", "System.CommandLine"] },
        { "loadtests/Btx.LoadTests.csproj", [Protos], [], ["Spectre.Console", "System.CommandLine"] },
        { Protos, [], ["Grpc.Core.Api", "Grpc.Net.Common"], ["Google.Protobuf", "Grpc.Net.Client", "Grpc.Tools"] },
    };

    [Theory]
    [MemberData(nameof(Matrix))]
    public void A_room_references_what_the_matrix_says(string project, string[] projects, string[] swappable, string[] packages)
    {
        var found = Repository.References(project);
        Assert.Equal(projects.Order(StringComparer.Ordinal), found.Projects.Order(StringComparer.Ordinal));
        Assert.Equal(swappable, found.Swappable);
        Assert.Equal(packages, found.Packages);
    }

    [Fact]
    public void Every_product_project_is_in_the_matrix()
    {
        string[] rooms = ["model", "trainer", "exporter", "server", "protos"];
        var projects = rooms.SelectMany(r => Repository.Files(r, "*.csproj")).Append("loadtests/Btx.LoadTests.csproj"); // what else is there are benchmarks and peers
        Assert.Equal(Matrix.Select(row => row.Data.Item1).Order(StringComparer.Ordinal), projects.Order(StringComparer.Ordinal));
    }

    [Fact]
    public void Product_code_names_no_stand_in_and_has_no_conditional_compilation()
    {
        foreach (var room in new[] { "model", "trainer", "exporter", "server", "loadtests" })
        {
            foreach (var file in Repository.Files(room, "*.cs"))
            {
                var text = Repository.Read(file);
                Assert.False(text.Contains("standins", StringComparison.OrdinalIgnoreCase), $"{file} names the stand-ins");
                Assert.False(text.Contains("\n#if", StringComparison.Ordinal), $"{file} has #if");
            }
        }
    }

    [Fact]
    public void A_stand_in_bears_the_name_of_a_package_with_a_central_version_and_has_a_readme()
    {
        var versions = Repository.Read("Directory.Packages.props");
        foreach (var project in Repository.Files("standins", "*.csproj"))
        {
            var id = Path.GetFileNameWithoutExtension(project);
            Assert.Equal($"standins/{id}/{id}.csproj", project);
            Assert.Contains($"Include=\"{id}\"", versions, StringComparison.Ordinal);
            Assert.True(File.Exists(Path.Combine(Repository.Root, $"standins/{id}/README.md")), $"standins/{id} has no README.md");
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
