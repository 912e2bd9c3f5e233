using Btx.Model;

namespace Btx.Engine.Forests;

/// <summary>Opens models beside the running forest. Tests of changes have a fake.</summary>
internal interface IModelOpener
{
    /// <summary>Checks an expert's files and opens it for a quick start, without prepacking. The caller holds the model.</summary>
    /// <exception cref="BtxException">A file is missing or damaged, or does not fit the forest; one clear line.</exception>
    ServedModel OpenExpert(ExpertSource expert, CancellationToken cancellation = default);

    /// <summary>Checks and opens a served BTX model. The caller holds the model.</summary>
    /// <exception cref="BtxException">A file is missing or damaged, or does not fit the forest; one clear line.</exception>
    ServedMixture OpenMixture(string directory);
}
